"""The wiring, driven by hand through in-process sessions: the path from record to tool."""

import json
import math
from pathlib import Path

from kit_peers import Make, Voice, memory, rows

from podlog.coordinator.journal import Journal
from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Event, Kind, LogLine, RunConfig
from podlog.proto.rowcodec import read_row


def test_a_record_becomes_a_row_in_journal_and_tool(make: Make, tmp_path: Path) -> None:
    """Acked means in the journal; after finalize every tool has the row."""
    config = LoggerConfig(log_path=tmp_path)
    endpoint = make(config, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(10, {"loss": 0.5})
    voice.acked()
    journal = Journal(tmp_path / "journal.sqlite", read_only=True)
    stored = journal.row(1, "train", 10, Kind.STEP)
    journal.close()
    assert stored is not None
    assert stored.metrics == {"loss": 0.5}

    voice.finalize()
    assert voice.verdict().status == "success"
    assert [row.metrics for row in rows(endpoint)] == [{"loss": 0.5}]


def test_tools_are_finalized_once_a_chapter_and_usable_again(make: Make) -> None:
    """In a single process finalize finalizes; a later row opens the next chapter."""
    endpoint = make(None, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.finalize("success")
    assert voice.verdict().chapter == 1
    voice.log(2, mode="eval")
    voice.acked()
    voice.finalize("failure")
    second = voice.ear.wait("verdict", lambda v: v.final and v.chapter == 2)
    assert second.status == "failure"
    voice.goodbye()
    assert endpoint.wait_settled(10)
    assert memory(endpoint).statuses == ["success", "failure"]
    assert memory(endpoint).setups == 2


def test_goodbye_without_finalize_is_unfinished(make: Make) -> None:
    """The end of the only process settles everything, and tools hear how it was."""
    endpoint = make(None, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.goodbye()
    assert endpoint.wait_settled(10)
    assert voice.ear.wait_end() is None
    assert memory(endpoint).statuses == ["unfinished"]
    assert len(rows(endpoint)) == 1


def test_a_resent_record_is_dropped_by_its_number(make: Make) -> None:
    """NaN or not: the number decides, and the row holds one record."""
    endpoint = make(None, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(1, {"loss": math.nan})
    voice.acked()
    voice.close()
    voice.ear.wait_end()

    voice.connect(endpoint.connect)
    assert voice.ear.all("welcome")[0].ack == 1
    voice.seq = 0
    voice.log(1, {"loss": math.nan})
    voice.log(2, {"loss": 1.0})
    voice.acked(2)
    voice.finalize()
    voice.verdict()
    assert [(row.key.step, row.revision) for row in rows(endpoint)] == [(1, 0), (2, 0)]


def test_records_beyond_a_hole_wait_for_it(make: Make) -> None:
    """Nothing beyond the hole is acked or merged before it is filled."""
    endpoint = make(None, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.seq = 1
    voice.log(2)
    voice.send(heartbeat=pb.Heartbeat(sent=1.0))
    voice.ear.wait("heartbeat_reply")
    assert not voice.ear.all("ack")
    voice.seq = 0
    voice.log(1)
    voice.acked(2)
    voice.finalize()
    voice.verdict()
    assert [row.key.step for row in rows(endpoint)] == [1, 2]


def test_merged_answers_now_or_when_the_row_is_given_out(make: Make) -> None:
    """A request before its row waits; one after it is answered from the journal."""
    endpoint = make()
    voice = Voice().connect(endpoint.connect)
    voice.send(merged_request=pb.MergedRequest(id=1, mode="train", step=5))
    voice.log(5, {"loss": 2.0})
    first = voice.ear.wait("merged_row", lambda m: m.id == 1)
    voice.send(merged_request=pb.MergedRequest(id=2, mode="train", step=5))
    second = voice.ear.wait("merged_row", lambda m: m.id == 2)
    assert first.row == second.row
    assert read_row(first.row).metrics == {"loss": 2.0}


def test_bodies_reach_tools_and_output_log(make: Make, tmp_path: Path) -> None:
    """Configs and events are items of the feed, log lines and events lines of output.log."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.body(RunConfig(json.dumps({"lr": 1})))
    voice.body(LogLine(20, "train", "hello there"))
    voice.body(Event("metric_error", "cannot log this"))
    voice.finalize()
    voice.verdict()
    assert memory(endpoint).configs == [{"lr": 1}]
    assert [item.event.name for item in memory(endpoint).events] == ["metric_error", "verdict"]
    text = (tmp_path / "output.log").read_text()
    assert "train: hello there" in text
    assert "cannot log this" in text

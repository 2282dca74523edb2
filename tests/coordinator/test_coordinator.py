"""The wiring, driven by hand through in-process sessions: the path from record to tool."""

import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit_peers import Ear, Voice, job, local

from podlog.coordinator import Endpoint
from podlog.coordinator.journal import Journal
from podlog.coordinator.tools import FileLoggerConfig, MemoryLogger, MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.errors import JournalError, RefusedError, WireError
from podlog.proto.records import Event, Kind, LogLine, Row, RunConfig
from podlog.proto.rowcodec import encode_value, read_row

Make = Callable[..., Endpoint]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes endpoints that are closed at the end."""
    made: list[Endpoint] = []

    def endpoint(*args: object, **more: object) -> Endpoint:
        made.append(local(*args, **more))  # type: ignore[arg-type]
        return made[-1]

    yield endpoint
    for each in made:
        each.close(10)


def memory(endpoint: Endpoint) -> MemoryLogger:
    (tool,) = endpoint.tools
    assert isinstance(tool, MemoryLogger)
    return tool


def rows(endpoint: Endpoint) -> list[Row]:
    return list(memory(endpoint).rows)


# --------------------------------------------------------- a single process


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
    assert [item.event.name for item in memory(endpoint).events] == ["metric_error"]
    text = (tmp_path / "output.log").read_text()
    assert "train: hello there" in text
    assert "cannot log this" in text


def test_nan_is_named_once_with_process_host_key_and_step(make: Make, tmp_path: Path) -> None:
    """The first NaN of a key is an event and a line; the next are only in their rows."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    for step in (3, 4):
        voice.log(step, {"loss": math.nan, "acc": 1.0})
    voice.finalize()
    voice.verdict()
    assert [len(row.non_finite) for row in rows(endpoint)] == [1, 1]
    text = (tmp_path / "output.log").read_text()
    assert text.count("NaN in 'loss' of mode 'train' at step 3 on process 0 (host0)") == 1
    assert text.count("NaN") == 1
    assert [item.event.name for item in memory(endpoint).events] == ["nan"]


# ------------------------------------------------------------- postprocess


def answer(voice: Voice, request: pb.PostprocessRequest, **metrics: float) -> None:
    values = {key: encode_value(value) for key, value in metrics.items()}
    voice.send(postprocess_answer=pb.PostprocessAnswer(id=request.id, metrics=values))


def test_postprocess_holds_rows_in_order_and_hides_own_keys(make: Make) -> None:
    """Tools see the answers, in order, though the second is answered first."""
    endpoint = make(None, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.open(postprocess=True)
    voice.log(1, {"loss": 1.0, "epoch": 3, "step_time": 0.5})
    voice.log(2, {"loss": 2.0, "epoch": 3, "step_time": 0.5})
    one, two = (
        voice.ear.wait("postprocess_request", lambda r, k=k: r.metrics["loss"].f == k)
        for k in (1.0, 2.0)
    )
    assert set(one.metrics) == {"loss"}
    answer(voice, two, loss=20.0, perplexity=7.0)
    voice.log(2, kind=Kind.HOST, metrics={"lr": 0.1})
    voice.acked()
    assert rows(endpoint) == []

    answer(voice, one, loss=10.0)
    voice.finalize()
    voice.verdict()
    shown = [dict(row.shown or row.metrics) for row in rows(endpoint)]
    assert shown == [
        {"loss": 10.0, "epoch": 3, "step_time": 0.5},
        {"loss": 20.0, "perplexity": 7.0, "epoch": 3, "step_time": 0.5},
        {"lr": 0.1},
    ]
    assert rows(endpoint)[0].metrics["loss"] == 1.0


def test_postprocess_that_raises_or_is_gone_leaves_the_row_as_merged(make: Make) -> None:
    """Such a row is flagged, and those behind it go on."""
    endpoint = make(None, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.open(postprocess=True)
    voice.log(1, {"loss": 1.0})
    request = voice.ear.wait("postprocess_request")
    voice.send(postprocess_answer=pb.PostprocessAnswer(id=request.id, error="KeyError: x"))
    voice.log(2, {"loss": 2.0})
    voice.ear.wait("postprocess_request", lambda r: r.metrics["loss"].f == 2.0)
    voice.goodbye("success")
    assert endpoint.wait_settled(10)
    assert [(row.shown, row.flags) for row in rows(endpoint)] == [(None, ("unprocessed",))] * 2


# --------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"protocol": 2}, "protocol 2"),
        ({"run_id": "other"}, "other"),
        ({"job_id": "job-2"}, "job-2"),
        ({"process": 4}, "4"),
        ({"process_count": 3}, "3 processes"),
    ],
)
def test_a_foreign_process_is_refused_by_name(make: Make, change: dict[str, int], word: str) -> None:
    """It hears why, for good, and changes nothing."""
    endpoint = make()
    voice = Voice()
    for name, value in change.items():
        setattr(voice.hello, name, value)
    voice.greet(endpoint.connect)
    error = voice.ear.wait_end()
    assert isinstance(error, RefusedError)
    assert word in str(error)


def test_another_version_is_warned_about(make: Make) -> None:
    """It is welcome, with a warning that names both versions."""
    endpoint = make()
    voice = Voice()
    voice.hello.podlog_version = "9.9"
    voice.connect(endpoint.connect)
    (warning,) = voice.ear.all("welcome")[0].warnings
    assert "9.9" in warning


def test_a_broken_batch_ends_that_stream_only(make: Make) -> None:
    """What came before it is stored; the same process may connect again."""
    endpoint = make()
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.acked()
    voice.send(batch=pb.Batch(blocks=[pb.Block(process=0, incarnation=1000, first_seq=2)]))
    assert isinstance(voice.ear.wait_end(), WireError)
    voice.connect(endpoint.connect)
    voice.log(2)
    voice.acked()


def test_an_unlike_open_is_refused(make: Make, tmp_path: Path) -> None:
    """One coordinator serves one run in one folder."""
    endpoint = make(LoggerConfig(log_path=tmp_path / "a"))
    voice = Voice().connect(endpoint.connect)
    voice.send(open=pb.Open(log_path=str(tmp_path / "b")))
    error = voice.ear.wait_end()
    assert isinstance(error, RefusedError)
    assert str(tmp_path / "b") in str(error)
    assert not (tmp_path / "b").exists()


def test_start_raises_what_is_wrong_with_folder_run_or_tool(make: Make, tmp_path: Path) -> None:
    """A held folder, another run's journal and a tool's own error come out of `start`."""
    first = make(LoggerConfig(log_path=tmp_path, run_id="one"))
    with pytest.raises(JournalError, match="held by the coordinator of job job-1"):
        make(LoggerConfig(log_path=tmp_path))
    assert first.close(10)
    with pytest.raises(JournalError, match="'one', not of 'two'"):
        make(LoggerConfig(log_path=tmp_path, run_id="two"))
    with pytest.raises(TypeError):
        make(LoggerConfig(), [FileLoggerConfig()])
    assert make(LoggerConfig(log_path=tmp_path)).run_id == "one"


# ---------------------------------------------------------------- faults


def test_a_failed_turn_is_undone_and_everything_arrives(make: Make, tmp_path: Path) -> None:
    """A journal that cannot be written ends the streams; after it, resent records are stored."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.acked()
    blocker = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    blocker.execute("ALTER TABLE records RENAME TO hidden")
    voice.log(2)
    assert voice.ear.wait_end() is not None
    blocker.execute("ALTER TABLE hidden RENAME TO records")
    blocker.close()

    voice.connect(endpoint.connect)
    assert voice.ear.all("welcome")[0].ack == 1
    voice.seq = 1
    voice.log(2)
    voice.log(3)
    voice.acked(3)
    voice.finalize()
    voice.verdict()
    assert [row.key.step for row in rows(endpoint)] == [1, 2, 3]


def test_what_a_killed_job_left_open_is_closed_at_the_next_start(make: Make, tmp_path: Path) -> None:
    """Records in no row become rows of their own attempt; the new job's is the next."""
    journal = Journal(tmp_path / "journal.sqlite")
    attempt = journal.add_attempt("job-0", 0, 10.0)
    from kit_records import record

    journal.add_records([(record(0, 7, {"loss": 3.0}), attempt)])
    journal.set_ack(1000, 1)
    journal.close()

    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice(incarnation=55).connect(endpoint.connect)
    assert voice.ear.wait("opened").attempt == 2
    voice.log(8)
    voice.finalize()
    voice.verdict()
    assert [(row.key.attempt, row.key.step) for row in rows(endpoint)] == [(1, 7), (2, 8)]


def test_a_raising_tool_does_not_hold_up_another(make: Make) -> None:
    """The end of the chapter comes; what the tool missed is an event."""
    endpoint = make(
        LoggerConfig(timing=TimingConfig(tools_timeout_s=20.0)),
        [MemoryLoggerConfig(), MemoryLoggerConfig()],
    )
    bad, good = endpoint.tools
    assert isinstance(bad, MemoryLogger)
    assert isinstance(good, MemoryLogger)

    def refuse(_: object) -> None:
        raise OSError("no space left")

    bad.write = refuse  # type: ignore[method-assign]
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.finalize()
    assert voice.verdict(timeout=15).status == "success"
    assert len(good.rows) == 1
    assert bad.rows == []
    assert "no space left" in [item.event.text for item in good.events][0]


def test_closing_without_goodbye_settles_as_lost(make: Make) -> None:
    """A worker that never says goodbye is lost once everybody has ended."""
    endpoint = make(None, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.acked()
    voice.close()
    voice.ear.wait_end()
    assert endpoint.close(10)
    assert endpoint.close(10)
    assert memory(endpoint).statuses == ["lost"]
    late = Ear()
    endpoint.connect(late).send(pb.WorkerMessage(hello=voice.hello))
    assert late.wait_end() is not None
    assert len(rows(endpoint)) == 1
    assert job().process_count == 1

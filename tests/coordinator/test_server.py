"""The server over real gRPC: pods of hand-driven workers, from the first record to the end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit_peers import Voice, job
from kit_server import Net

from podlog.coordinator import start
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig
from podlog.proto.errors import ConfigError, RefusedError


def rows(folder: Path, mode: str = "train") -> list[dict[str, Any]]:
    path = folder / "file_logs" / f"metrics_{mode}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_records_of_two_processes_become_one_row(net: Callable[..., Net], tmp_path: Path) -> None:
    """Batches before Open are held and not acked; afterwards all is merged and settled."""
    here = net(2)
    one, two = here.voices(2)
    two.log(5, {"loss": 3.0})
    two.send(heartbeat=pb.Heartbeat(sent=1.0))
    two.ear.wait("heartbeat_reply")
    assert not two.ear.all("ack")

    opened = here.open(one, tmp_path)
    assert two.ear.wait("opened") == opened
    two.acked()
    one.log(5, {"loss": 1.0})
    one.acked()
    for voice in (one, two):
        voice.finalize()
    assert one.verdict() == two.verdict()
    for voice in (one, two):
        voice.goodbye()
        assert voice.ear.wait_end() is None
    assert here.endpoint.wait_settled(10)
    (row,) = rows(tmp_path)
    assert row["loss"] == 2.0
    assert row["_podlog"]["processes"] == [0, 1]


def test_a_silent_process_is_missing_and_its_late_record_a_revision(
    net: Callable[..., Net], tmp_path: Path
) -> None:
    """The row closes without it after the timeout; what comes late is merged again."""
    here = net(2)
    one, two = here.voices(2)
    here.open(one, tmp_path)
    one.log(5, {"loss": 1.0})
    one.send(merged_request=pb.MergedRequest(id=1, mode="train", step=5))
    row = one.ear.wait("merged_row").row
    assert list(row.missing) == [1]
    two.log(5, {"loss": 3.0})
    two.acked()
    one.goodbye("success")
    two.goodbye("success")
    assert here.endpoint.wait_settled(10)
    last = rows(tmp_path)[-1]
    assert last["loss"] == 2.0
    assert last["_podlog"]["revision"] == 1


def test_a_process_that_never_says_goodbye_is_lost(net: Callable[..., Net]) -> None:
    """After `lost_after_s` without a connection it is lost, and the verdict says so."""
    here = net(2)
    one, two = here.voices(2)
    here.open(one, None)
    two.close()
    one.finalize()
    first = one.ear.wait("verdict")
    assert not first.final
    assert list(first.waiting_for) == [1]
    assert one.verdict().status == "lost"
    one.goodbye()
    assert here.endpoint.wait_settled(10)


def test_a_reconnect_continues_behind_the_ack(net: Callable[..., Net]) -> None:
    """The welcome says what is stored; the old stream of the process is ended."""
    here = net(1)
    (voice,) = here.voices(1)
    here.open(voice, None)
    voice.log(1)
    voice.acked()
    old = voice.ear
    voice.connect(here.connector())
    assert voice.ear.all("welcome")[0].ack == 1
    assert old.wait_end() is not None


def test_a_foreign_run_is_refused_for_good(net: Callable[..., Net]) -> None:
    """FAILED_PRECONDITION reaches the worker as `RefusedError`."""
    here = net(1)
    voice = Voice()
    voice.hello.job_id = "another"
    voice.greet(here.connector())
    assert isinstance(voice.ear.wait_end(), RefusedError)


def test_a_journal_that_cannot_be_opened_refuses_everybody(
    net: Callable[..., Net], tmp_path: Path
) -> None:
    """Those who wait and those who come later hear why."""
    (tmp_path / "journal.sqlite").write_bytes(b"this is no journal" * 100)
    here = net(2)
    one, two = here.voices(2)
    one.send(open=pb.Open(log_path=str(tmp_path)))
    for voice in (one, two):
        error = voice.ear.wait_end()
        assert isinstance(error, RefusedError)
        assert "journal.sqlite" in str(error)
    late = Voice(1, 2, incarnation=5)
    late.greet(here.connector())
    assert isinstance(late.ear.wait_end(), RefusedError)


def test_two_coordinators_do_not_share_a_port(net: Callable[..., Net]) -> None:
    """The second one fails by name instead of stealing connections."""
    here = net(1)
    taken = job(1, port=here.endpoint.port)
    with pytest.raises(ConfigError, match=str(here.endpoint.port)):
        start(LoggerConfig(), setup=taken, listen=True)


def test_a_fast_worker_is_held_back_and_loses_nothing(net: Callable[..., Net]) -> None:
    """Far more messages than credit: all are stored, in order."""
    here = net(1)
    (voice,) = here.voices(1)
    here.open(voice, None)
    for step in range(500):
        voice.log(step)
    voice.acked(500, timeout=30)


def test_closing_ends_streams_and_frees_the_port(net: Callable[..., Net]) -> None:
    """After close nobody listens, and a worker hears the end."""
    here = net(1)
    (voice,) = here.voices(1)
    assert here.endpoint.close(10)
    voice.ear.wait_end()
    again = start(LoggerConfig(), setup=job(1, port=here.endpoint.port), listen=True)
    assert again.close(10)

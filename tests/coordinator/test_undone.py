"""Turns that fail, before the commit or after it: what is in memory, and what is said twice."""

import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit_peers import Make, Voice, job, memory, rows

from podlog.coordinator import coordinator as coordinator_module
from podlog.coordinator.journal import Journal
from podlog.coordinator.rows import Rows
from podlog.coordinator.run import Run
from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.control import ProcessExit
from podlog.proto.errors import JournalError
from podlog.proto.records import Event
from podlog.proto.rows import Row

Fail = Callable[[str], None]


@pytest.fixture
def fail_once(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Has the next call of a method of the run raise what a failing disk raises."""

    def arm(method: str) -> None:
        real, armed = getattr(Run, method), [True]

        def call(run: Run, *args: Any) -> Any:
            if armed.pop() if armed else False:
                raise sqlite3.OperationalError("disk I/O error")
            return real(run, *args)

        monkeypatch.setattr(Run, method, call)

    return arm


def undo(voice: Voice, fail_once: Fail, connector: Any, method: str = "advance") -> None:
    fail_once(method)
    voice.send(heartbeat=pb.Heartbeat(sent=1.0))
    voice.ear.wait_end()
    voice.come_back(connector)


def test_what_is_committed_is_not_dealt_with_again(
    make: Make, tmp_path: Path, fail_once: Fail
) -> None:
    """The commit went well, telling did not: an event of that turn is there once."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.acked()
    coordinator = endpoint._coordinator
    run = coordinator._desk.run
    assert run is not None
    fail_once("committed")
    coordinator.post(lambda: run.event(Event("mine", "once")))
    voice.ear.wait_end()
    voice.come_back(endpoint.connect)
    voice.finalize()
    voice.verdict()
    assert [e.event.name for e in memory(endpoint).events].count("mine") == 1


def test_a_run_is_begun_once(make: Make, tmp_path: Path, fail_once: Fail) -> None:
    """Its first turn fails after it was opened: no second run, no second thread."""
    fail_once("committed")
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().come_back(endpoint.connect)
    voice.log(1)
    voice.finalize()
    voice.verdict()
    assert len(rows(endpoint)) == 1
    assert [t.name for t in threading.enumerate()].count("podlog-orphans") == 1


def test_turns_that_always_fail_end_when_nobody_is_left(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal can be written, but what is to be written cannot be made: it is given up."""
    monkeypatch.setattr(coordinator_module, "_LAST_TRIES_S", 1.0)
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.acked()

    def damaged(*_: object, **__: object) -> None:
        raise JournalError("journal: record 3 is damaged")

    monkeypatch.setattr(Rows, "advance", damaged)
    endpoint._coordinator.all_ended()
    assert endpoint.wait_settled(20)


def test_a_revision_after_it_names_who_is_still_missing(
    make: Make, tmp_path: Path, fail_once: Fail
) -> None:
    """As the row before it did, without whom the revision has."""
    config = LoggerConfig(log_path=tmp_path, timing=TimingConfig(row_timeout_s=1.0))
    endpoint = make(config, [MemoryLoggerConfig()], job(3), listen=True)
    voices = [Voice(p, 3).connect(endpoint.connect) for p in range(3)]
    voices[0].log(1)
    for _ in range(500):
        if rows(endpoint):
            break
        threading.Event().wait(0.02)
    assert [row.missing for row in rows(endpoint)] == [(1, 2)]
    undo(voices[0], fail_once, endpoint.connect)
    voices[1].come_back(endpoint.connect)
    voices[1].log(1)
    voices[1].acked()
    endpoint._coordinator.all_ended()
    assert endpoint.wait_settled(20)
    journal = Journal(tmp_path / "journal.sqlite", read_only=True)
    found = [row for row in journal.rows_after(0) if isinstance(row, Row)]
    assert [(r.revision, r.processes, r.missing) for r in found] == [
        (0, (0,), (1, 2)),
        (1, (0, 1), (2,)),
    ]
    journal.close()


def test_rows_that_waited_for_process_0_are_not_shown_as_if_they_had_not(
    make: Make, tmp_path: Path, fail_once: Fail
) -> None:
    """Its function did not see them: they go as merged, flagged."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.open(log_path=str(tmp_path), postprocess=True)
    voice.log(1)
    voice.ear.wait("postprocess_request")
    undo(voice, fail_once, endpoint.connect)
    voice.finalize()
    voice.verdict()
    (row,) = rows(endpoint)
    assert (row.shown, row.flags) == (None, ("unprocessed",))


def test_a_second_training_goes_on_in_the_middle(
    make: Make, tmp_path: Path, fail_once: Fail
) -> None:
    """Its rows are not late, though the training before it went further."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    for step in range(1, 9):
        voice.log(step)
    for step in (1, 2):
        voice.log(step, n=1)
    voice.acked()
    undo(voice, fail_once, endpoint.connect)
    for step in (3, 4):
        voice.log(step, n=1)
    voice.finalize()
    voice.verdict()
    found = [(row.key.step, row.key.n, row.revision) for row in rows(endpoint)]
    assert found[8:] == [(step, 1, 0) for step in (1, 2, 3, 4)]


def test_what_was_agreed_and_told_is_as_the_journal_has_it(
    make: Make, tmp_path: Path, fail_once: Fail
) -> None:
    """A stop, a first sign and a verdict of an undone turn are there once, and are told."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()], job(2), listen=True)
    voices = [Voice(p, 2).connect(endpoint.connect) for p in range(2)]
    for voice in voices:
        voice.log(1)
        voice.acked()
    fail_once("advance")
    request = pb.StopRequest(stop=True, kind="nan", text="nan", training=0)
    voices[1].send(stop_request=request)
    for voice in voices:
        voice.ear.wait_end()
    for voice in voices:
        voice.come_back(endpoint.connect)
    voices[1].send(stop_request=request)
    for voice in voices:
        id = voice.ear.wait("stop_proposal").id
        voice.send(stop_answer=pb.StopAnswer(id=id, gate=3))
    for voice in voices:
        assert voice.ear.wait("stop_outcome", lambda o: o.decided).step == 4
    fail_once("advance")
    voices[0].send(failed=pb.Failed(status="failure", error="boom"))
    voices[0].ear.wait_end()
    for voice in voices:
        voice.come_back(endpoint.connect)
    assert voices[1].ear.wait("stop_outcome").step == 4
    voices[0].send(failed=pb.Failed(status="failure", error="boom"))
    voices[1].ear.wait("first_sign")
    fail_once("advance")
    voices[0].finalize("failure")
    voices[0].ear.wait_end()
    for voice in voices:
        voice.come_back(endpoint.connect)
        voice.finalize("failure")
    assert {voice.verdict().root_cause for voice in voices} == {
        "process 0 on host0: failure (boom)"
    }
    for voice in voices:
        voice.goodbye()
    assert endpoint.wait_settled(20)
    names = [e.event.name for e in memory(endpoint).events]
    for name in ("stop_requested", "stop_decided", "first_sign", "failed", "verdict"):
        assert names.count(name) == 1, (name, names)


def test_what_a_launcher_had_received_still_counts(
    make: Make, tmp_path: Path, fail_once: Fail
) -> None:
    """It came with a process's end, a turn before one that was undone."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()], job(2, launched=True))
    voices = [Voice(p, 2).connect(endpoint.connect) for p in range(2)]
    for voice in voices:
        voice.log(1)
        voice.acked()
    voices[1].close()
    voices[1].ear.wait_end()
    coordinator = endpoint._coordinator
    received = ProcessExit(1, 1, code=1, caused=False, received=signal.SIGTERM)
    coordinator.process_exit(received)
    voices[0].log(2)
    voices[0].acked()
    undo(voices[0], fail_once, endpoint.connect)
    voices[0].goodbye("failure")
    coordinator.all_ended()
    assert endpoint.wait_settled(20)
    assert memory(endpoint).statuses == ["preempted"]

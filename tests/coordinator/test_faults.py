"""The coordinator when something breaks: its journal, a tool, a worker, an earlier job."""

import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from kit_peers import Ear, Make, Voice, job, last_words, memory, rows
from kit_records import record

from podlog.coordinator.fencefile import Holder, write
from podlog.coordinator.journal import Journal
from podlog.coordinator.mailbox import Item
from podlog.coordinator.run import Run
from podlog.coordinator.tools import MemoryLogger, MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.control import ProcessExit
from podlog.proto.errors import UnavailableError


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

    voice.come_back(endpoint.connect)
    assert voice.ear.all("welcome")[0].ack == 1
    voice.seq = 1
    voice.log(2)
    voice.log(3)
    voice.acked(3)
    voice.finalize()
    voice.verdict()
    assert [row.key.step for row in rows(endpoint)] == [1, 2, 3]


def test_what_a_killed_job_left_open_is_closed_at_the_next_start(
    make: Make, tmp_path: Path
) -> None:
    """Records in no row become rows of their own attempt; the new job's is the next."""
    journal = Journal(tmp_path / "journal.sqlite")
    attempt = journal.add_attempt("job-0", 0, 10.0)
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


def test_a_first_sign_that_an_older_podlog_kept_is_no_obstacle(make: Make, tmp_path: Path) -> None:
    """Whatever stands in its setting, it is of another life of the job."""
    journal = Journal(tmp_path / "journal.sqlite")
    journal.set_meta("first_sign", '["job-0", 1, 1, true]')
    journal.close()
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.finalize()
    assert voice.verdict().status == "success"


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
        raise RuntimeError("no space left")

    bad.write = refuse  # type: ignore[method-assign]
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.finalize()
    assert voice.verdict(timeout=15).status == "success"
    assert len(good.rows) == 1
    assert bad.rows == []
    assert any("no space left" in item.event.text for item in good.events)


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


def test_a_launchers_own_signal_counts_before_the_last_end(make: Make, tmp_path: Path) -> None:
    """Killed at the end of the launcher's patience: preempted, as the launcher was told to stop."""
    setup = job(2, launched=True)
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()], setup)
    coordinator = endpoint._coordinator
    for process in range(2):
        voice = Voice(process, 2).here().connect(endpoint.connect)
        voice.log(1)
        voice.acked()
        voice.close()
        voice.ear.wait_end()
    for process in range(2):
        coordinator.process_exit(
            ProcessExit(process, 1, signal=signal.SIGKILL, caused=False, received=signal.SIGTERM)
        )
    assert endpoint.wait_settled(10)
    assert memory(endpoint).statuses == ["preempted"]


def test_who_comes_back_while_it_closes_does_not_change_the_verdict(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost is lost once the run has settled; what it says then is for the next start."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()], job(2), listen=True)
    coordinator, ended = endpoint._coordinator, last_words(endpoint)
    voices = [Voice(p, 2).connect(endpoint.connect) for p in range(2)]
    for voice in voices:
        voice.log(1)
        voice.acked()
    closing, closed = threading.Event(), threading.Event()
    real = Run.close

    def close(run: Run, timeout: float) -> None:
        real(run, timeout)
        closing.set()
        closed.wait(10)

    monkeypatch.setattr(Run, "close", close)
    voices[1].close()
    voices[1].ear.wait_end()
    coordinator.process_exit(ProcessExit(1, 5, signal=9))
    voices[0].goodbye("success")
    assert closing.wait(15)
    voices[1].greet(endpoint.connect)
    voices[1].log(2)
    closed.set()
    assert endpoint.wait_settled(10)
    assert [e.status for e in ended] == ["lost"]
    voices[1].ear.wait_end()
    journal = Journal(tmp_path / "journal.sqlite", read_only=True)
    assert journal.acks() == {1000: 1, 1001: 1}
    assert journal.open_records() == []
    assert journal.meta("chapter") is None
    journal.close()


def test_who_comes_back_while_tools_take_the_end_does_not_change_the_verdict(
    make: Make, tmp_path: Path
) -> None:
    """The coordinator ends as soon as they have: it serves nobody any more."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()], job(2), listen=True)
    coordinator, ended = endpoint._coordinator, last_words(endpoint)
    told, goes_on = threading.Event(), threading.Event()

    def finalize(status: str) -> None:
        told.set()
        goes_on.wait(10)

    memory(endpoint).finalize = finalize  # type: ignore[method-assign]
    voices = [Voice(p, 2).connect(endpoint.connect) for p in range(2)]
    for voice in voices:
        voice.log(1)
        voice.acked()
    voices[1].close()
    voices[1].ear.wait_end()
    coordinator.process_exit(ProcessExit(1, 5, signal=9))
    voices[0].goodbye("success")
    assert told.wait(15)
    voices[1].greet(endpoint.connect)
    voices[1].log(2)
    assert isinstance(voices[1].ear.wait_end(), UnavailableError)
    goes_on.set()
    assert endpoint.wait_settled(10)
    assert [e.status for e in ended] == ["lost"]
    journal = Journal(tmp_path / "journal.sqlite", read_only=True)
    assert journal.meta("chapter") is None
    journal.close()


def test_after_a_pause_nothing_is_written_before_the_fence_was_looked_up(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coordinator that was stopped for longer than its lease finds the run taken."""
    config = LoggerConfig(log_path=tmp_path, timing=TimingConfig(takeover_s=1.0))
    endpoint = make(config, [MemoryLoggerConfig()], job(2), listen=True)
    voice = Voice(0, 2).connect(endpoint.connect)
    voice.log(1)
    voice.acked()
    stopped, goes_on = threading.Event(), threading.Event()
    mailbox = endpoint._coordinator._mailbox
    real = mailbox.next

    def stop(timeout: float) -> Item | None:
        item = real(timeout)
        if timeout > 0 and item is not None and not stopped.is_set():  # before a turn, not in it
            stopped.set()
            goes_on.wait(10)
        return item

    monkeypatch.setattr(mailbox, "next", stop)
    for _ in range(100):
        endpoint._coordinator.post(lambda: None)
        if stopped.wait(0.05):
            break
    assert stopped.is_set()
    voice.log(2)
    write(tmp_path, Holder("elsewhere", 5, "job-9", time.time() + 99, id="other"))
    threading.Event().wait(1.2)
    goes_on.set()
    assert isinstance(voice.ear.wait_end(), UnavailableError)
    assert endpoint.wait_settled(10)
    assert {ack.seq for ack in voice.ear.all("ack")} == {1}
    journal = Journal(tmp_path / "journal.sqlite", read_only=True)
    assert journal.acks() == {1000: 1}
    journal.close()

"""Spools whose writers are gone: replayed into the right attempt, deleted, waited for."""

import dataclasses
import fcntl
import time
from pathlib import Path

import pytest
from kit_peers import Make, Voice, job, memory, rows
from kit_records import record
from kit_spools import gone
from kit_until import until

from podlog.coordinator.core.clock import Clock
from podlog.coordinator.journal import Journal
from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import body_draft, encode_block, schema_message
from podlog.proto.config import DeliveryConfig, LoggerConfig, TimingConfig
from podlog.proto.control import ProcessExit
from podlog.proto.records import Draft, LogLine, RunConfig
from podlog.proto.spoolfolder import spool_folder
from podlog.worker.spool import Spool


def hello(
    process: int, processes: int, incarnation: int, job_id: str = "", **more: object
) -> pb.Hello:
    voice = Voice(process, processes, incarnation)
    voice.hello.job_id = job_id
    for name, value in more.items():
        setattr(voice.hello, name, value)
    return voice.hello


def spool(folder: Path, writer: pb.Hello, drafts: list[Draft]) -> None:
    """Leaves the spool of a process that ended before it could send."""
    made = Spool(folder, writer)
    made.append(drafts)
    made.close()


def steps(process: int, first: int, last: int, value: float = 1.0) -> list[Draft]:
    return [record(process, step, {"loss": value}).draft for step in range(first, last + 1)]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.0*"))


def test_a_dead_workers_spool_completes_the_rows_of_the_living_job(
    make: Make, tmp_path: Path
) -> None:
    """Its last records are in the rows that waited for them, and its spool is gone."""
    config = LoggerConfig(log_path=tmp_path)
    endpoint = make(config, [MemoryLoggerConfig()], job(2, launched=True), listen=True)
    alive, dead = (Voice(p, 2).connect(endpoint.connect) for p in range(2))
    dead.log(1)
    dead.acked()
    for step in (1, 2, 3):
        alive.log(step, {"loss": 3.0})
    alive.acked()
    spool(tmp_path / "spool", dead.hello, steps(1, 1, 3))
    dead.close()
    endpoint._coordinator.process_exit(ProcessExit(1, 5, signal=9))
    alive.finalize()
    assert alive.verdict().status == "lost"
    alive.goodbye()
    assert endpoint.wait_settled(20)
    found = [(r.key.step, r.revision, r.processes, r.metrics["loss"]) for r in rows(endpoint)]
    assert found == [(step, 0, (0, 1), 2.0) for step in (1, 2, 3)]
    assert files(tmp_path / "spool") == []


def test_a_spool_that_a_worker_still_holds_is_deleted_once_it_lets_go(
    make: Make, tmp_path: Path
) -> None:
    """It was about to relay it when it ended; all is stored, and nothing stays behind."""
    spool(tmp_path / "spool", hello(0, 1, 50, "job-0", **gone()), steps(0, 1, 5))
    (path,) = (tmp_path / "spool").iterdir()
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        config = LoggerConfig(log_path=tmp_path)
        endpoint = make(config, [MemoryLoggerConfig()], job(1), listen=True)
        until(lambda: len(rows(endpoint)) == 5)
        assert path.exists()
    until(lambda: not path.exists())


@pytest.mark.parametrize(("before", "now"), [(4, 2), (2, 8), (1, 1)])
def test_an_older_jobs_spools_go_into_its_own_attempt(
    make: Make, tmp_path: Path, before: int, now: int
) -> None:
    """Whatever the number of processes: whole rows, before those of the new attempt."""
    for process in range(before):
        writer = hello(process, before, 50 + process, "job-0", job_started=10.0)
        spool(tmp_path / "spool", writer, steps(process, 1, 5, float(process)))
    config = LoggerConfig(log_path=tmp_path)
    endpoint = make(config, [MemoryLoggerConfig()], job(now), listen=True)
    voices = [Voice(p, now).connect(endpoint.connect) for p in range(now)]
    for voice in voices:
        voice.log(3)
    for voice in voices:
        voice.acked()
        voice.finalize()
    assert voices[0].verdict(20).status == "success"
    for voice in voices:
        voice.goodbye()
    assert endpoint.wait_settled(20)
    old = [row for row in rows(endpoint) if row.key.attempt != 1]
    assert [(r.key.step, r.revision, r.processes) for r in old] == [
        (step, 0, tuple(range(before))) for step in range(1, 6)
    ]
    assert old[0].metrics["loss"] == sum(range(before)) / before
    assert rows(endpoint)[0].key.attempt != 1
    assert files(tmp_path / "spool") == []

    journal = Journal(tmp_path / "journal.sqlite", read_only=True)
    assert [a.job_id for a in journal.attempts()] == ["job-0", "job-1"]
    assert {h.incarnation: h.job_id for h in journal.processes()}[50] == "job-0"
    assert journal.acks()[50] == 5
    assert journal.open_records() == []
    journal.close()


def test_an_old_config_does_not_take_the_place_of_a_newer_one(make: Make, tmp_path: Path) -> None:
    """It is kept as an event; log lines are kept as lines."""
    drafts = [body_draft(RunConfig('{"lr": 1}'), 1.0)]
    config = LoggerConfig(log_path=tmp_path)
    endpoint = make(config, [MemoryLoggerConfig()], job(2), listen=True)
    voices = [Voice(p, 2).connect(endpoint.connect) for p in range(2)]
    voices[0].body(RunConfig('{"lr": 2}'))
    voices[0].acked()
    spool(tmp_path / "spool", hello(0, 1, 60, "job-0", job_started=10.0), drafts)
    spool(
        tmp_path / "spool",
        hello(0, 1, 61, "job-0", job_started=10.0),
        [body_draft(LogLine(20, "old", "from the grave"), 1.0)],
    )
    for voice in voices:
        voice.goodbye("success")
    assert endpoint.wait_settled(20)
    assert memory(endpoint).configs == [{"lr": 2}]
    (event,) = [e.event for e in memory(endpoint).events if e.event.name == "old_config"]
    assert event.fields["config"] == '{"lr": 1}'
    assert "from the grave" in (tmp_path / "output.log").read_text()
    assert files(tmp_path / "spool") == []


def test_a_spool_of_another_run_is_left_alone(make: Make, tmp_path: Path) -> None:
    """Said once; on a disk that runs share each has a folder of its own."""
    config = LoggerConfig(
        log_path=tmp_path / "run",
        run_id="mine",
        delivery=DeliveryConfig(spool_dir=tmp_path / "disk"),
    )
    ours = spool_folder(config)
    theirs = spool_folder(dataclasses.replace(config, log_path=tmp_path / "elsewhere" / "run"))
    assert ours is not None and theirs is not None
    spool(tmp_path / "run" / "spool", hello(0, 1, 70, run_id="other"), steps(0, 1, 2))
    spool(theirs, hello(0, 1, 71, "job-9"), steps(0, 1, 2))
    spool(ours, hello(0, 1, 72, "job-8"), steps(0, 1, 2))
    endpoint = make(config, [MemoryLoggerConfig()])
    Voice().connect(endpoint.connect).goodbye("success")
    assert endpoint.wait_settled(20)
    texts = [e.event.text for e in memory(endpoint).events if e.event.name == "spool"]
    assert len(texts) == 1
    assert "run 'other'" in texts[0] and "host0" in texts[0]
    assert files(tmp_path / "run" / "spool") == [f"0-{70:016x}.000001"]
    assert files(theirs) == [f"0-{71:016x}.000001"]
    assert not ours.exists() or files(ours) == []
    assert [row.key.step for row in rows(endpoint)] == [1, 2]


def test_a_torn_tail_is_named(make: Make, tmp_path: Path) -> None:
    """File, host and bytes; the whole frames before it are stored."""
    spool(tmp_path / "spool", hello(0, 1, 80, "job-0"), steps(0, 1, 2))
    (path,) = (tmp_path / "spool").glob("*.0*")
    with path.open("ab") as file:
        file.write(b"\x07torn")
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    Voice().connect(endpoint.connect).goodbye("success")
    assert endpoint.wait_settled(20)
    (event,) = [e.event for e in memory(endpoint).events if e.event.name == "spool"]
    assert "5 bytes" in event.text
    assert f"0-{80:016x}" in event.text
    assert "host0" in event.text
    assert [row.key.step for row in rows(endpoint)] == [1, 2]


def test_what_a_worker_relays_is_acked_by_its_incarnation(make: Make, tmp_path: Path) -> None:
    """A spool on a host that the coordinator cannot reach, of an older job; twice is harmless."""
    config = LoggerConfig(log_path=tmp_path, timing=TimingConfig(row_timeout_s=1.0))
    endpoint = make(config, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.ear.wait("opened")
    drafts = steps(3, 1, 2)
    batch = pb.Batch(
        schemas=[schema_message(drafts[0].schema)], blocks=[encode_block(3, 90, 0, 1, drafts)]
    )
    orphan = pb.Orphan(hello=hello(3, 4, 90, "job-0"), batch=batch, last=True)
    for _ in range(2):
        voice.send(orphan=orphan)
    voice.ear.wait("ack", lambda ack: ack.incarnation == 90 and ack.seq == 2)
    foreign = pb.Orphan(hello=hello(3, 4, 91, run_id="other"), batch=batch)
    voice.send(orphan=foreign)
    voice.log(7)
    voice.acked()
    until(lambda: len(rows(endpoint)) == 3)
    voice.finalize()
    voice.verdict()
    assert [(r.key.step, r.processes) for r in rows(endpoint)][-2:] == [(1, (3,)), (2, (3,))]
    assert [a.incarnation for a in voice.ear.all("ack") if a.incarnation == 91] == []


def test_acknowledged_by_another_journal_is_declared_lost(make: Make, tmp_path: Path) -> None:
    """A journal that knows less than a worker was told: named, counted, and going on."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice()
    voice.hello.acked = 41
    voice.seq = 41
    voice.connect(endpoint.connect)
    voice.log(42)
    voice.acked()
    voice.goodbye("success")
    assert endpoint.wait_settled(20)
    (event,) = [e.event for e in memory(endpoint).events if e.event.name == "gap"]
    assert "process 0 on host0 lost its records 1 to 41" in event.text
    journal = Journal(tmp_path / "journal.sqlite", read_only=True)
    (loss,) = journal.losses()
    assert (loss.incarnation, loss.first, loss.last) == (1000, 1, 41)
    assert "not this one any more" in loss.cause
    journal.close()


def test_a_spool_that_is_no_podlogs_holds_nobody_up(make: Make, tmp_path: Path) -> None:
    """A block with columns of unequal length: named, kept, not tried for ever."""
    writer = hello(0, 1, 81, "job-0")
    made = Spool(tmp_path / "spool", writer)
    drafts = steps(0, 1, 1)
    made.append(drafts)
    block = encode_block(0, 81, 0, 2, drafts)
    block.values = b""
    made._write(block, 2)  # as a program would that is not ours
    made.close()
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    began = time.monotonic()
    Voice().connect(endpoint.connect).goodbye("success")
    assert endpoint.wait_settled(20)
    assert time.monotonic() - began < 15
    (event,) = [e.event for e in memory(endpoint).events if e.event.name == "spool"]
    assert "wrong lengths" in event.text
    assert files(tmp_path / "spool") == [f"0-{81:016x}.000001"]


def test_a_spool_adds_to_rows_that_a_coordinator_before_gave_out(
    make: Make, tmp_path: Path
) -> None:
    """Of an older job that left nothing open: its row is revised, not made a second time."""
    older = job(2, job_id="job-0", started=10.0)
    first = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()], older, listen=True)
    voice = Voice(0, 2, 50).connect(first.connect)
    voice.log(1, {"loss": 3.0})
    voice.acked()
    voice.goodbye("success")
    assert first.close(20)
    spool(tmp_path / "spool", hello(1, 2, 51, "job-0", job_started=10.0), steps(1, 1, 2))
    second = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(second.connect)
    voice.log(7)
    voice.finalize()
    voice.verdict(20)
    found = [(r.key.attempt, r.key.step, r.revision, r.processes) for r in rows(second)]
    assert sorted(found) == [(1, 1, 1, (0, 1)), (1, 2, 0, (1,)), (2, 7, 0, (0,))]
    assert files(tmp_path / "spool") == []


def test_a_spool_at_which_the_coordinator_fails_is_left_alone(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One turn is undone, not one at each scan; it is kept and named."""

    def odd(*_: object) -> None:
        raise TypeError("odd")

    monkeypatch.setattr(Clock, "orphan", odd)
    spool(tmp_path / "spool", hello(1, 2, 51, "job-0", job_started=10.0), steps(1, 1, 2))
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    run = endpoint._coordinator._desk
    until(lambda: run.run is not None and run.run._replay.through >= 1)
    voice = Voice().come_back(endpoint.connect)
    voice.log(1)
    voice.finalize()
    voice.verdict()
    (event,) = [e.event for e in memory(endpoint).events if e.event.name == "spool"]
    assert "TypeError: odd" in event.text
    assert files(tmp_path / "spool") == [f"1-{51:016x}.000001"]

"""An epoch's time over all processes, told once: an event beside its row, a line in output.log."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit_coordinator import Lone, events, wait_events
from kit_peers import Make, Voice, job, memory, rows

from podlog.coordinator.run import Run
from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.records import Kind, Op
from podlog.proto.rows import EventItem


def beat(voice: Voice, ahead: float) -> None:
    """A heartbeat of a process that has measured its clock."""
    offset = pb.Heartbeat(sent=time.time() + ahead, offset_s=-ahead, round_trip_s=0.001)
    voice.send(heartbeat=offset)
    voice.ear.wait("heartbeat_reply")


def end_epoch(voice: Voice, end: float, seconds: float, step: int = 10, n: int = 0) -> None:
    """The record of an epoch that ended at `end` by this process's clock."""
    metrics = {"epoch_time": (Op.SINGLE, (seconds, 1))}
    voice.log(step, metrics, kind=Kind.EPOCH, epoch=3, time=end, n=n)
    voice.acked()


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Lone]:
    made = Lone(tmp_path, 2)
    yield made
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)


def lines(folder: Path) -> list[str]:
    text = (folder / "output.log").read_text()
    return [line for line in text.splitlines() if "from the first start" in line]


def test_told_once_beside_the_row(make: Make, tmp_path: Path) -> None:
    """With clocks minutes apart; not for other kinds of rows."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()], job(2), listen=True)
    voices = [Voice(p, 2).connect(endpoint.connect) for p in range(2)]
    now = time.time()
    for voice, ahead in zip(voices, (0.0, 300.0), strict=True):
        voice.log(10)
        beat(voice, ahead)
    end_epoch(voices[0], now - 0.6, 12.3)
    end_epoch(voices[1], now + 300.0, 11.0)
    for voice in voices:
        voice.goodbye("success")
    assert endpoint.wait_settled(20)

    (row,) = [row for row in rows(endpoint) if row.key.kind is Kind.EPOCH]
    (item,) = [e for e in memory(endpoint).events if e.event.name == "epoch"]
    assert (item.attempt, item.step, item.event.mode) == (row.key.attempt, 10, "train")
    assert item.id > row.id
    assert item.event.fields == {
        "epoch": "3", "process": "0", "seconds": "12.300", "span_s": "12.900",
        "starts_s": "1.900", "ends_s": "0.600", "first": "0", "last": "1",
    }  # fmt: skip
    (line,) = lines(tmp_path)
    assert line.endswith(
        "[R0] INFO podlog: epoch 3 of mode 'train' took 12.3 s; 12.9 s from the first start "
        "(process 0) to the last end (process 1)"
    )


def test_who_is_missing_and_whose_clock_is_not_known_is_said(make: Make, tmp_path: Path) -> None:
    """A row closes without process 0; a record that comes later makes a revision, no event."""
    config = LoggerConfig(log_path=tmp_path, timing=TimingConfig(row_timeout_s=1.0))
    endpoint = make(config, [MemoryLoggerConfig()], job(4), listen=True)
    voices = [Voice(p, 4).connect(endpoint.connect) for p in range(4)]
    beat(voices[2], 0.0)
    for voice in voices[1:]:
        end_epoch(voice, 1000.0 + voice.hello.process, 5.0)
    (item,) = wait_events(tmp_path, "epoch")
    fields = item.event.fields
    assert (fields["process"], fields["unknown"], fields["missing"]) == ("1", "1,3", "0")
    end_epoch(voices[0], 990.0, 5.0)
    for voice in voices:
        voice.goodbye("success")
    assert endpoint.wait_settled(20)
    assert len(events(tmp_path, "epoch")) == 1
    (line,) = lines(tmp_path)
    assert line.endswith(
        "epoch 3 of mode 'train' took 5.00 s on process 1; 7.00 s from the first start (process 1) "
        "to the last end (process 3); without process 0; the clocks of processes 1,3 are not "
        "measured"
    )


def test_not_in_a_single_process(make: Make, tmp_path: Path) -> None:
    """Its own time says it."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    end_epoch(voice, 1000.0, 5.0)
    voice.finalize()
    voice.verdict()
    assert [e.event.name for e in memory(endpoint).events] == ["verdict"]


def test_an_undone_turn_tells_it_once(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn in which the row closes fails after that: row and event are made again."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()], job(2), listen=True)
    voices = [Voice(p, 2).connect(endpoint.connect) for p in range(2)]
    for voice in voices:
        beat(voice, 0.0)
    end_epoch(voices[0], 1000.0, 5.0)
    monkeypatch.setattr(Run, "advance", _failing(Run.advance, tmp_path))
    metrics = {"epoch_time": (Op.SINGLE, (5.0, 1))}
    voices[1].log(10, metrics, kind=Kind.EPOCH, epoch=3, time=1001.0)
    voices[1].ear.wait_end()
    assert events(tmp_path, "epoch") == []
    for voice in voices:
        voice.come_back(endpoint.connect)
    voices[1].seq = 0
    end_epoch(voices[1], 1001.0, 5.0)
    for voice in voices:
        voice.goodbye("success")
    assert endpoint.wait_settled(20)
    (item,) = events(tmp_path, "epoch")
    assert item.event.fields["span_s"] == "6.000"
    assert len(lines(tmp_path)) == 1


def _failing(real: Callable[[Run, float], None], folder: Path) -> Callable[[Run, float], None]:
    """The first turn that has told an epoch fails before its commit."""
    left = [True]

    def advance(run: Run, now: float) -> None:
        real(run, now)
        items = run.opened.journal.rows_after(0, 1000)
        events = [item.event for item in items if isinstance(item, EventItem)]
        if left and any(event.name == "epoch" for event in events):
            left.pop()
            raise sqlite3.OperationalError("disk I/O error")

    return advance


def test_a_killed_coordinator_tells_it_once(lone: Lone) -> None:
    """What was measured of a clock outlives it, and no epoch that was told is told again."""
    voices = lone.voices()
    lone.open(voices[0])
    for voice, ahead in zip(voices, (0.0, -3600.0), strict=True):
        voice.log(1)
        voice.acked()
        beat(voice, ahead)
        end_epoch(voice, 1000.0 + ahead, 5.0)
    wait_events(lone.folder, "epoch")
    end_epoch(voices[0], 2000.0, 5.0, step=20)
    lone.kill()
    lone.start()
    for voice in voices:
        voice.come_back(lone.connector())
    end_epoch(voices[1], 2001.0 - 3600.0, 5.0, step=20)
    for voice in voices:
        voice.goodbye("success")
    lone.settle()
    told = events(lone.folder, "epoch")
    assert [(e.step, e.event.fields["span_s"]) for e in told] == [(10, "5.000"), (20, "6.000")]
    assert len(lines(lone.folder)) == 2

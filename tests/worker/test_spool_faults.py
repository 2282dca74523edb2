"""Disks that fail, fill and stall: training goes on, nothing is lost in silence or kept twice."""

import errno
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit_disks import small_disk
from kit_spools import HELLO, Disk, draft, held, line, replayed, without_holes
from kit_until import until

from podlog.proto.gaps import standing_in
from podlog.proto.records import Draft, Kind
from podlog.proto.spoolfile import orphans
from podlog.worker.handed import Handed
from podlog.worker.segments import DiskSegment
from podlog.worker.spool import Spool
from podlog.worker.spooler import Spooler

FAULTS = (errno.EIO, errno.ESTALE, errno.ENOSPC, errno.ENOLCK)


class Bench:
    """A started spooler on a disk of the test's own."""

    def __init__(self, folder: Path, disk: object, *, limit: int = 64 << 20) -> None:
        self.folder = folder
        self.spool = Spool(folder, HELLO, open_segment=disk)  # type: ignore[arg-type]
        self.spooler = Spooler(self.spool, Handed(), lambda: None, limit=limit)
        self._took: list[float] = []
        self.spooler.start()

    def put(self, *drafts: Draft) -> None:
        begin = time.perf_counter()
        self.spooler.put(None, drafts)
        self._took.append(time.perf_counter() - begin)

    @property
    def slow(self) -> float:
        """Seconds within which all but one in a hundred puts returned."""
        return sorted(self._took)[len(self._took) * 99 // 100]

    def numbers(self) -> dict[int, Draft | str]:
        return without_holes(held(self.spool))

    def close(self) -> None:
        self.spooler.close(10)
        assert self.spooler.ended
        self.spool.close()


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(
    faults=st.lists(st.sampled_from((0, 0, *FAULTS)), min_size=1, max_size=60),
    torn=st.booleans(),
    fsync=st.booleans(),
    sizes=st.lists(st.integers(0, 6), min_size=1, max_size=12),
)
def test_no_fault_loses_or_doubles_a_record(
    tmp_path_factory: pytest.TempPathFactory,
    faults: list[int],
    torn: bool,
    fsync: bool,
    sizes: list[int],
) -> None:
    """At any operation, cut back or torn: given again, each has one number; a stranger agrees."""
    folder = tmp_path_factory.mktemp("spool")
    schedule = iter(faults)
    disk = Disk(lambda what: 0 if what == "read" else next(schedule, 0), torn=torn)
    spool = Spool(folder, HELLO, segment_bytes=600, fsync=fsync, open_segment=disk)
    made: list[Draft] = []
    for size in sizes:
        drafts = [line(f"{len(made) + i}") if i % 2 else draft(len(made) + i) for i in range(size)]
        rest = drafts
        while rest:
            before = spool.last_seq
            try:
                spool.append(rest)
                rest = []
            except OSError:
                rest = rest[spool.last_seq - before :]
        made += drafts
    disk.fault = lambda _: 0
    assert list(without_holes(held(spool)).values()) == made
    files = len(list(folder.iterdir()))
    assert files <= len(made) + 1, "a try that wrote nothing leaves no file"
    spool.close()
    if made:
        (orphan,) = orphans(folder)
        assert list(without_holes(replayed(orphan.batches(0))).values()) == made
        assert orphan.delete()


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_is_told_once_and_ends_in_a_new_segment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: int
) -> None:
    """Retried until it works; what was put meanwhile is all there."""
    disk = Disk()
    bench = Bench(tmp_path, disk)
    bench.put(draft(0))
    assert bench.spooler.flush(5) == 1

    failed = []

    def failing(what: str) -> int:
        failed.append(what)
        return fault

    disk.fault = failing
    for step in range(1, 100):
        bench.put(draft(step))
    until(lambda: len(failed) >= 3)
    disk.fault = lambda _: 0
    assert bench.spooler.flush(5) == 100
    assert list(bench.numbers().values()) == [draft(step) for step in range(100)]
    until(lambda: len(caplog.records) == 2)
    cannot, again = [r.message for r in caplog.records]
    assert "cannot be written" in cannot
    assert "written again" in again
    assert len(list(tmp_path.iterdir())) == 2
    bench.close()


class Stalling(DiskSegment):
    """A disk that takes nothing until it is let."""

    open = threading.Event()
    stuck = threading.Event()

    def append(self, frame: bytes) -> None:
        if not self.open.is_set():
            self.stuck.set()
            assert self.open.wait(90)
        super().append(frame)


@pytest.fixture
def stalling() -> Iterator[type[Stalling]]:
    Stalling.open.clear()
    Stalling.stuck.clear()
    yield Stalling
    Stalling.open.set()


@pytest.mark.parametrize(
    "seconds", [0.0, pytest.param(60.0, marks=[pytest.mark.soak, pytest.mark.timeout(120)])]
)
def test_a_disk_that_stalls_holds_nobody_and_takes_no_memory(
    stalling: type[Stalling], tmp_path: Path, seconds: float
) -> None:
    """What waits is bounded; what is given up has numbers and a cause; the rest is in order."""
    bench = Bench(tmp_path, stalling, limit=1 << 20)
    bench.put(draft(0))
    assert stalling.stuck.wait(5)
    for step in range(1, 20_000):
        bench.put(draft(step, kind=Kind.HOST if step % 2 else Kind.STEP))
        assert bench.spooler.stats()["spool_queue_bytes"] <= 1 << 20
    assert bench.slow < 0.01
    assert bench.spool.read(0, 1000) == []
    assert bench.spooler.waiting == 20_000
    threading.Event().wait(seconds)
    stalling.open.set()
    assert bench.spooler.flush(10) == 20_000

    numbers = bench.numbers()
    lost = [what for what in numbers.values() if isinstance(what, str)]
    kept = [what for what in numbers.values() if isinstance(what, Draft)]
    assert len(lost) == bench.spooler.stats()["spool_dropped"] > 10_000
    assert len(lost) + len(kept) == 20_000
    assert [d.step for d in kept] == sorted(d.step for d in kept)
    assert kept[-1] == draft(19_999, kind=Kind.HOST)
    assert all("the disk did not take" in what and "host records" in what for what in lost)
    bench.close()


def test_closing_while_a_write_is_stuck_leaves_the_file_to_it(
    stalling: type[Stalling], tmp_path: Path
) -> None:
    """Closing returns by its deadline, and says that not all was written."""
    bench = Bench(tmp_path, stalling)
    bench.put(draft(0))
    assert stalling.stuck.wait(5)
    assert not bench.spooler.close(0.2)
    assert not bench.spooler.ended
    stalling.open.set()
    until(lambda: bench.spooler.ended)
    assert list(bench.numbers().values()) == [draft(0)]
    bench.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    with small_disk(tmp_path / "small", "1m") as folder:
        yield folder


def test_a_disk_that_fills_and_is_freed(small: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Training goes on, the loss is declared by cause, and it recovers without a restart."""
    ballast = small / "ballast"
    ballast.write_bytes(b"x" * (900 << 10))
    bench = Bench(small / "spool", DiskSegment, limit=200_000)
    made = 0
    while not bench.spooler.stats()["spool_errors"]:
        bench.put(*(line(f"{made + i:05}" + "x" * 1000) for i in range(10)))
        made += 10
        bench.spooler.flush(0.5)
        assert made < 1000
    full = [r.message for r in caplog.records if "cannot be written" in r.message]
    assert len(full) == 1
    assert os.strerror(errno.ENOSPC) in full[0]
    for _ in range(500):
        bench.put(line(f"{made:05}" + "x" * 1000))
        made += 1
    assert bench.slow < 0.01

    ballast.unlink()
    assert bench.spooler.flush(10) == made
    numbers = bench.numbers()
    assert len(numbers) == made
    lost = [what for what in numbers.values() if isinstance(what, str)]
    assert len(lost) == bench.spooler.stats()["spool_dropped"] > 0
    assert all("the disk did not take" in what for what in lost)
    gaps = [g for b in _blocks(bench.spool) if (g := standing_in(b)) is not None]
    assert 1 <= len(gaps) <= 3
    bench.close()
    (orphan,) = orphans(small / "spool")
    assert without_holes(replayed(orphan.batches(0))) == numbers
    assert orphan.delete()


def test_a_folder_that_cannot_be_written_for_a_while(
    small: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file system that turns read-only, and back."""
    bench = Bench(small / "spool", DiskSegment)
    bench.put(draft(0))
    bench.spooler.flush(5)
    bench.spool.ack(1)
    bench.spool.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    for step in range(1, 50):
        bench.put(draft(step))
    until(lambda: bench.spooler.stats()["spool_errors"] >= 2)
    subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
    assert bench.spooler.flush(10) == 50
    assert list(without_holes(held(bench.spool, 1), 1).values()) == [draft(i) for i in range(1, 50)]
    assert len([r for r in caplog.records if "cannot be written" in r.message]) == 1
    bench.close()


def _blocks(spool: Spool) -> list:  # type: ignore[type-arg]
    found, after = [], 0
    while blocks := spool.read(after, 1 << 20):
        found += blocks
        after = blocks[-1].first_seq + len(blocks[-1].step) - 1
    return found

"""A spool over its cap: the oldest segments become one gap, in memory and on disk."""

import concurrent.futures
import errno
import threading
from pathlib import Path

import pytest
from kit_spools import HELLO, draft, held, line, replayed, without_holes

from podlog.proto.gaps import block_span, standing_in
from podlog.proto.records import Gap
from podlog.proto.spoolfile import orphans, survey
from podlog.worker.cap import CAUSE
from podlog.worker.segments import DiskSegment
from podlog.worker.spool import Spool

CAP = 20_000


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "spool" if request.param == "disk" else None


def _filled(spool: Spool, count: int = 100) -> None:
    for i in range(count):
        spool.append([line(f"{i:04}" + "x" * 1000)])


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _lost(spool: Spool) -> int:
    """How many numbers at the beginning are lost; the rest is as it was made."""
    numbers = without_holes(held(spool))
    lost = [number for number, what in numbers.items() if what == CAUSE]
    assert lost == list(range(1, len(lost) + 1))
    assert not any(isinstance(numbers[i], str) for i in range(len(lost) + 1, len(numbers) + 1))
    assert len(numbers) == spool.last_seq
    return len(lost)


def test_the_oldest_records_go_and_are_declared_as_one_gap(
    folder: Path | None, caplog: pytest.LogCaptureFixture
) -> None:
    """However often the cap is met: one gap, one announcement, and the newest stay."""
    spool = Spool(folder, HELLO, cap_bytes=CAP, segment_bytes=3000)
    _filled(spool)
    assert 75 < _lost(spool) < 95
    gaps = [each for each in held(spool) if isinstance(each, Gap)]
    assert len(gaps) == 1
    told = [r for r in caplog.records if "over its cap" in r.message]
    assert len(told) == 1
    if folder is not None:
        assert _size(folder) < CAP + 3000
        assert not list(folder.glob("*.new"))
    spool.close()


def test_a_dead_process_leaves_the_gap_in_its_spool(tmp_path: Path) -> None:
    """Whoever replays it declares the same records lost; audit sees them."""
    spool = Spool(tmp_path, HELLO, cap_bytes=CAP, segment_bytes=3000)
    _filled(spool)
    here = without_holes(held(spool))
    spool.close()
    (orphan,) = orphans(tmp_path)
    assert without_holes(replayed(orphan.batches(0))) == here
    assert orphan.problems == []
    orphan.release()
    ((lost,),) = [found.lost for found in survey(tmp_path) if found.lost]
    assert lost == (1, len([what for what in here.values() if what == CAUSE]), CAUSE)


def test_what_was_acknowledged_is_not_lost(tmp_path: Path) -> None:
    """A gap begins behind the last ack; with everything acked nothing is left."""
    spool = Spool(tmp_path, HELLO, cap_bytes=CAP, segment_bytes=3000)
    _filled(spool, 15)
    spool.ack(14)
    _filled(spool, 40)
    (gap,) = [each for each in held(spool, 14) if isinstance(each, Gap)]
    assert gap.last > 20
    spool.ack(spool.last_seq)
    spool.append([draft(1)])
    assert len(list(tmp_path.iterdir())) == 1
    spool.close()


class _Tight:
    """A disk that has no room for a gap, `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, path: Path, header: bytes) -> DiskSegment:
        if path.name.endswith(".new") and self.times > 0:
            self.times -= 1
            raise OSError(errno.ENOSPC, "no room")
        return DiskSegment(path, header)


def test_a_disk_without_room_for_the_gap_gets_it_by_deleting(tmp_path: Path) -> None:
    """The files go first; the gap is on the disk then."""
    disk = _Tight(1)
    spool = Spool(tmp_path, HELLO, cap_bytes=CAP, segment_bytes=3000, open_segment=disk)
    while disk.times:
        spool.append([line("y" * 400)])
    lost = _lost(spool)
    assert lost > 2
    spool.close()
    (orphan,) = orphans(tmp_path)
    numbers = without_holes(replayed(orphan.batches(0)))
    orphan.release()
    assert [what for what in numbers.values() if isinstance(what, str)] == [CAUSE] * lost


def test_a_disk_that_never_has_room_for_the_gap_leaves_a_hole(tmp_path: Path) -> None:
    """In memory the cause is known; a stranger sees what is missing, and says so."""
    spool = Spool(tmp_path, HELLO, cap_bytes=CAP, segment_bytes=3000, open_segment=_Tight(1 << 30))
    _filled(spool)
    lost = _lost(spool)
    assert lost > 75
    assert _size(tmp_path) < CAP + 3000
    spool.close()
    (orphan,) = orphans(tmp_path)
    numbers = without_holes(replayed(orphan.batches(0)))
    orphan.release()
    assert len([what for what in numbers.values() if isinstance(what, str)]) == lost
    assert len(numbers) == 100


def test_reading_and_acking_while_it_overflows(tmp_path: Path) -> None:
    """The link reads meanwhile: each number comes once or is declared, in order."""
    spool = Spool(tmp_path / "spool", HELLO, cap_bytes=CAP, segment_bytes=3000)
    done = threading.Event()
    seen: list[tuple[int, int, bool]] = []

    def link() -> None:
        after = 0
        while not done.is_set() or after < spool.last_seq:
            for block in spool.read(after, 3000):
                first, last = block_span(block)
                gap = standing_in(block)
                assert gap is None or gap.cause == CAUSE
                seen.append((max(first, after + 1), last, gap is not None))
                after = last
            spool.ack(after - 5)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(link)
        for i in range(3000):
            spool.append([line(f"{i}" + "x" * 500)])
        done.set()
        running.result(30)
    assert [first for first, _, _ in seen] == [1, *(last + 1 for _, last, _ in seen[:-1])]
    assert seen[-1][1] == 3000
    spool.ack(3000)
    spool.close()
    assert not (tmp_path / "spool").exists()

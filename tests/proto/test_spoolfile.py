"""Spools of processes that are gone: every cut and every flipped byte."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from kit_spools import HELLO, draft, line, replayed, without_holes

from podlog.proto import podlog_pb2 as pb
from podlog.proto.gaps import block_span
from podlog.proto.pieces import pieces
from podlog.proto.records import Draft, Gap
from podlog.proto.spoolfile import Orphan, orphans, survey
from podlog.worker.spool import Spool


class Frame(NamedTuple):
    """A frame of a segment and the numbers in it."""

    offset: int
    end: int
    first: int
    last: int


def _drafts() -> list[Draft]:
    return [draft(i) if i % 3 else line(f"line {i}") for i in range(14)]


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three segments of a writer that is gone; each schema is in each."""
    folder = tmp_path_factory.mktemp("made")
    made = Spool(folder, HELLO, segment_bytes=400)
    for each in _drafts():
        made.append([each])
    made.close()
    assert len(list(folder.iterdir())) == 3
    return folder


def _frames(path: Path) -> list[Frame]:
    found = []
    with path.open("rb") as file:
        _, *frames = pieces(file)
    for piece in frames:
        message = pb.WorkerMessage.FromString(piece.payload or b"")
        first, last = block_span(message.batch.blocks[0])
        found.append(Frame(piece.offset, piece.end, first, last))
    return found


def _one(folder: Path) -> Orphan:
    (orphan,) = orphans(folder)
    return orphan


def _copied(spool: Path, folder: Path) -> list[Path]:
    shutil.copytree(spool, folder, dirs_exist_ok=True)
    return sorted(folder.iterdir())


def _check(folder: Path, lost: set[int], last: int) -> Orphan:
    """Every number up to `last` comes once: a record as it was made, or declared lost."""
    orphan = _one(folder)
    numbers = without_holes(replayed(orphan.batches(0)))
    orphan.release()
    assert sorted(numbers) == list(range(1, last + 1))
    assert {number for number, what in numbers.items() if isinstance(what, str)} == lost
    drafts = _drafts()
    for number, what in numbers.items():
        assert isinstance(what, str) or what == drafts[number - 1]
    return orphan


@pytest.mark.parametrize("which", range(3))
@pytest.mark.timeout(120)
def test_a_cut_at_every_byte_keeps_all_whole_frames(
    spool: Path, tmp_path: Path, which: int
) -> None:
    """What was cut off is said; a hole before a later segment is declared lost."""
    path = _copied(spool, tmp_path)[which]
    data, frames = path.read_bytes(), _frames(path)
    ends = {0, frames[0].offset, *(frame.end for frame in frames)}
    for at in range(len(data)):
        path.write_bytes(data[:at])
        os.utime(path, (0, 0))
        gone = {n for f in frames if f.end > at for n in range(f.first, f.last + 1)}
        tail = which == 2
        orphan = _check(tmp_path, set() if tail else gone, min(gone) - 1 if tail else 14)
        whole = max(end for end in ends if end <= at)
        assert orphan.cut in (at - whole, max(at - 8, 0)), at
        assert (orphan.cut > 0) == (at not in (*ends, 8)), at
        (found,) = [s for s in survey(tmp_path) if s.path == path]
        assert (found.cut, found.live) == (orphan.cut, False)


@pytest.mark.parametrize("which", range(3))
@pytest.mark.timeout(120)
def test_a_flip_at_every_byte_loses_its_frame_only(spool: Path, tmp_path: Path, which: int) -> None:
    """It is noticed, never read as data, and the frames behind it come."""
    path = _copied(spool, tmp_path)[which]
    data, frames = path.read_bytes(), _frames(path)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        hit = [f for f in frames if f.offset <= at < f.end]
        gone = {n for f in hit for n in range(f.first, f.last + 1)}
        if which == 2 and hit and hit[0] == frames[-1]:
            orphan = _check(tmp_path, set(), min(gone) - 1)
            assert orphan.cut == frames[-1].end - frames[-1].offset
        else:
            orphan = _check(tmp_path, gone, 14)
            assert len(orphan.problems) == 1 or orphan.cut > 0, at
        assert orphan.hello.incarnation == HELLO.incarnation


def test_a_schema_that_is_lost_takes_the_records_that_need_it(tmp_path: Path) -> None:
    """They are declared too, so that the coordinator can go on."""
    made = Spool(tmp_path, HELLO)
    made.append([draft(1)])
    made.append([draft(2)])
    made.append([line("behind")])
    made.close()
    (path,) = tmp_path.iterdir()
    frame = _frames(path)[0]
    data = bytearray(path.read_bytes())
    data[frame.offset + 20] ^= 1
    path.write_bytes(data)
    orphan = _one(tmp_path)
    assert replayed(orphan.batches(0))[0] == Gap(
        1, 2, "missing from the spool of its process, or damaged there"
    )
    assert sorted(without_holes(replayed(orphan.batches(0)))) == [1, 2, 3]
    orphan.release()


def test_batches_go_on_behind_a_number_and_stay_small(spool: Path, tmp_path: Path) -> None:
    """Each holds what it needs; a record in the middle is where a resend begins."""
    _copied(spool, tmp_path)
    orphan = _one(tmp_path)
    assert orphan.last == 14
    assert sorted(without_holes(replayed(orphan.batches(5)), 5)) == list(range(6, 15))
    assert replayed(orphan.batches(14)) == []
    small = list(orphan.batches(0, max_bytes=100))
    assert len(small) > 5
    assert sorted(without_holes(replayed(small))) == list(range(1, 15))
    orphan.release()


def test_what_another_journal_acknowledged_is_said_so(tmp_path: Path) -> None:
    """Segments that went because they were acked are no damage."""
    made = Spool(tmp_path, HELLO, segment_bytes=300)
    for i in range(10):
        made.append([draft(i)])
        made.ack(6)
    made.close()
    orphan = _one(tmp_path)
    first = replayed(orphan.batches(0))[0]
    assert isinstance(first, Gap)
    assert first.cause == "acknowledged by a journal that is not this one any more"
    assert replayed(orphan.batches(first.last))
    orphan.release()


def test_a_segment_that_is_gone_is_declared(spool: Path, tmp_path: Path) -> None:
    """Someone deleted the one in the middle."""
    path = _copied(spool, tmp_path)[1]
    lost = {n for f in _frames(path) for n in range(f.first, f.last + 1)}
    path.unlink()
    _check(tmp_path, lost, 14)


def test_the_job_is_known_if_any_frame_knows_it(tmp_path: Path) -> None:
    """Learned late, kept with the last."""
    made = Spool(tmp_path, HELLO, segment_bytes=300)
    made.append([draft(1)])
    made.identify("job", 12.5)
    made.append([draft(2)])
    made.close()
    orphan = _one(tmp_path)
    assert (orphan.hello.job_id, orphan.hello.job_started) == ("job", 12.5)
    assert (orphan.hello.process, orphan.hello.host) == (3, "h")
    orphan.release()


def test_an_empty_folder_and_none_hold_nothing(tmp_path: Path) -> None:
    """Foreign files are left alone."""
    assert orphans(tmp_path / "none") == [] == survey(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("mine")
    assert orphans(tmp_path) == [] == survey(tmp_path)


def test_delivered_files_go_with_their_folder(spool: Path, tmp_path: Path) -> None:
    """What else is in the folder stays; unfinished files of the same writer go too."""
    folder = tmp_path / "spool"
    _copied(spool, folder)
    (folder / "3-0000000000c0ffee.000009.new").write_bytes(b"")
    orphan = _one(folder)
    assert orphan.delete()
    assert orphan.delete()
    assert not folder.exists()

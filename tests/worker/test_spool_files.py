"""The files of a spool: damage, a folder that comes and goes, fsync."""

import concurrent.futures
import errno
import os
import shutil
import threading
from pathlib import Path

import pytest
from kit_spools import HELLO, Disk, draft, held, without_holes

from podlog.proto import podlog_pb2 as pb
from podlog.proto.pieces import pieces
from podlog.worker.segments import DiskSegment
from podlog.worker.spool import Spool


def test_a_damaged_frame_is_declared_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be read back is a gap; the records behind it still come; told once."""
    spool = Spool(tmp_path, HELLO)
    for i in range(3):
        spool.append([draft(i)])
    (path,) = tmp_path.iterdir()
    with path.open("rb") as file:
        second = list(pieces(file))[2]
    with path.open("r+b") as file:
        file.seek(second.offset + 12)
        file.write(b"???")
    for _ in range(2):
        numbers = without_holes(held(spool))
        assert [numbers[1], numbers[3]] == [draft(0), draft(2)]
        assert numbers[2] == "it cannot be read back from the spool"
    assert len(caplog.records) == 1

    spool.append([draft(4)])
    assert sorted(without_holes(held(spool, 3), 3)) == [4]
    assert len(list(tmp_path.iterdir())) == 2, "schemas are written again, in a new segment"
    spool.close()


def test_files_that_somebody_deleted_are_still_sent(tmp_path: Path) -> None:
    """The writer holds them open; the next record goes into a new folder."""
    spool = Spool(tmp_path / "spool", HELLO)
    spool.append([draft(1)])
    shutil.rmtree(tmp_path / "spool")
    with pytest.raises(FileNotFoundError, match="deleted"):
        spool.append([draft(2)])
    assert spool.append([draft(2)]) == 2
    assert without_holes(held(spool)) == {1: draft(1), 2: draft(2)}
    spool.ack(2)
    spool.close()
    assert not (tmp_path / "spool").exists()


def test_neighbours_share_a_folder_while_it_comes_and_goes(tmp_path: Path) -> None:
    """One that removes the empty folder does not disturb one that begins."""
    stop = threading.Event()

    def come_and_go(incarnation: int) -> int:
        failures = 0
        hello = pb.Hello(process=1, incarnation=incarnation)
        while not stop.is_set():
            spool = Spool(tmp_path / "spool", hello)
            try:
                spool.append([draft(1)])
            except OSError:
                failures += 1
            spool.ack(1)
            spool.close()
        return failures

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(come_and_go, i) for i in range(4)]
        threading.Event().wait(0.5)
        stop.set()
        assert [each.result() for each in running] == [0] * 4


def test_fsync_covers_the_entry_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file is not lost with the power; later appends sync the file alone."""
    synced: list[str] = []
    fsync, fdatasync = os.fsync, os.fdatasync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append("folder"), fsync(fd)))
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append("file"), fdatasync(fd)))
    spool = Spool(tmp_path, HELLO, fsync=True)
    spool.append([draft(1)])
    spool.append([draft(2)])
    assert synced == ["file", "folder", "file"]
    spool.close()


def test_fsync_covers_segments_that_are_full_within_one_append(tmp_path: Path) -> None:
    """What an append wrote before it went on in a new segment survives a loss of power too."""
    left: dict[Path, int] = {}

    class Synced(DiskSegment):
        def append(self, frame: bytes) -> None:
            super().append(frame)
            left[self._path] = left.get(self._path, 0) + 1

        def sync(self) -> None:
            super().sync()
            left[self._path] = 0

    spool = Spool(tmp_path, HELLO, segment_bytes=300, fsync=True, open_segment=Synced)
    spool.append([draft(step, f"key{step}") for step in range(9)])
    assert len(left) > 2
    assert set(left.values()) == {0}
    spool.close()


def test_a_disk_that_cannot_be_read_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is given up for that."""
    disk = Disk()
    spool = Spool(tmp_path, HELLO, open_segment=disk)
    spool.append([draft(1)])
    disk.fault = lambda what: errno.ESTALE if what == "read" else 0
    for _ in range(3):
        assert spool.read(0, 100) == []
    assert len(caplog.records) == 1
    disk.fault = lambda _: 0
    assert without_holes(held(spool)) == {1: draft(1)}
    spool.close()

"""The journal on a disk that fills: nothing half done, usable again when there is room."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_disks import fill, small_disk
from kit_journal import make_record, make_row

from podlog.coordinator.database import Database
from podlog.coordinator.journal import Journal
from podlog.coordinator.netfs import file_system, is_network
from podlog.coordinator.pagesums import sums_path
from podlog.proto.errors import JournalError


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of two MiB."""
    with small_disk(tmp_path / "small", "2m") as folder:
        yield folder


def test_a_transaction_on_a_full_disk_can_be_tried_again(small: Path) -> None:
    """It raises, nothing of it is there, and the same connection takes it later."""
    journal = Journal(small / "journal.sqlite")
    with journal.transaction():
        journal.add_row(make_row(1))
    ballast = fill(small)
    for _ in range(3):
        with pytest.raises(sqlite3.Error), journal.transaction():
            for step in range(2, 200):
                journal.add_row(make_row(step))
    assert journal.last_id() == 1
    assert len(journal.rows_after(0)) == 1
    ballast.unlink()
    with journal.transaction():
        for step in range(2, 200):
            journal.add_row(make_row(step))
    assert journal.last_id() == 199
    assert journal.check() == []
    journal.close()
    again = Journal(small / "journal.sqlite")
    assert again.cut == ""
    assert again.last_id() == 199
    again.close()


def test_closing_on_a_full_disk_damages_nothing(small: Path) -> None:
    """What cannot be copied stays in the log; the next start has everything."""
    path = small / "journal.sqlite"
    journal = Journal(path)
    records = [make_record(seq, step=seq) for seq in range(1, 400)]
    with journal.transaction():
        journal.add_records([(record, 1) for record in records])
    ballast = fill(small)
    journal.close()
    ballast.unlink()
    again = Journal(path)
    assert "damaged:" not in again.cut
    assert len(again.open_records()) == 399
    assert again.check() == []
    again.close()
    assert sums_path(path).exists()


def test_sums_that_cannot_be_written_hold_the_checkpoint(tmp_path: Path) -> None:
    """The log stays until the sums are on the disk; nobody is disturbed."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.add_row(make_row(1))
    sums = sums_path(path).read_bytes()
    sums_path(path).unlink()
    sums_path(path).mkdir()
    with journal.transaction():
        journal.add_row(make_row(2))
    assert not journal._db.checkpoint()
    sums_path(path).rmdir()
    sums_path(path).write_bytes(sums)
    assert journal._db.checkpoint()
    journal.close()
    again = Journal(path)
    assert (again.cut, again.last_id()) == ("", 2)
    again.close()


def test_a_reader_delays_a_checkpoint_only(tmp_path: Path) -> None:
    """The log grows while somebody reads in a transaction, and is copied afterwards."""
    path = tmp_path / "live" / "journal.sqlite"
    journal = Journal(path)
    journal.add_row(make_row(1))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM rows").fetchall()
    for start in range(2, 40):
        with journal.transaction():
            steps = range(start * 99, start * 99 + 99)
            journal.add_records([(make_record(step, step=step), 1) for step in steps])
    assert not journal._db.checkpoint()
    shutil.copytree(path.parent, tmp_path / "killed")
    reader.close()
    assert journal._db.checkpoint()
    journal.close()
    killed = Journal(tmp_path / "killed" / "journal.sqlite")
    assert killed.cut == ""
    assert killed.check() == []
    killed.close()


MOUNTS = """\
overlay / overlay rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
server:/home /home nfs4 rw 0 0
disk /home/me/local\\040disk ext4 rw 0 0
sshfs /mnt/far fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "overlay"),
        ("/dev/shm/x", "tmpfs"),
        ("/home/me/runs", "nfs4"),
        ("/home/me/local disk/runs", "ext4"),
        ("/homework", "overlay"),
        ("/mnt/far/a/b", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    """The longest mount point above it counts."""
    assert file_system(Path(path), MOUNTS) == kind


def test_this_machine_is_no_network(tmp_path: Path) -> None:
    """Whatever temporary folders are on, it is local."""
    assert not is_network(tmp_path)


def test_on_a_network_the_writer_is_alone(tmp_path: Path) -> None:
    """No shared memory is used; a reader is told to wait instead of seeing half a file."""
    path = tmp_path / "journal.sqlite"
    database = Database(path, alone=True)
    with database.transaction():
        database.put("meta", "run_id", "r")
    assert not (tmp_path / "journal.sqlite-shm").exists()
    with pytest.raises(JournalError, match="only the coordinator reads a live journal"):
        Journal(path, read_only=True)
    database.close()
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["journal.sqlite", "journal.sqlite-sums"]
    reader = Journal(path, read_only=True)
    assert reader.meta("run_id") == "r"
    reader.close()

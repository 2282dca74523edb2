"""The write-ahead log: what SQLite recovers of a cut or changed one, and that it is said."""

import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from podlog.coordinator.walfile import PAGE, Wal, scan, wal_path

FRAME = 24 + PAGE


ROWS = 1
"""Rows a commit."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose writer was killed: a main file and a log of two commits."""
    return write(tmp_path_factory.mktemp("killed"), 2)


def write(folder: Path, commits: int, *, restart: bool = False) -> Path:
    """The files as a kill leaves them."""
    (folder / "live").mkdir()
    connection = sqlite3.connect(folder / "live" / "j", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE t (x, y)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(commits):
        connection.execute("BEGIN")
        for part in range(ROWS):
            connection.execute("INSERT INTO t VALUES (?, ?)", (number, bytes([part]) * 3000))
        connection.execute("COMMIT")
    if restart:
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("INSERT INTO t VALUES (99, x'')")
    shutil.copytree(folder / "live", folder / "killed")
    connection.close()
    return folder / "killed" / "j"


def _damaged(killed: Path, to: Path, data: bytes) -> tuple[Wal, int]:
    """What `scan` says of a log with these bytes, and how many rows SQLite sees."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    shutil.copyfile(killed, to / "j")
    wal_path(to / "j").write_bytes(data)
    said = scan(to / "j")
    connection = sqlite3.connect(to / "j")
    (rows,) = connection.execute("SELECT count(*) FROM t").fetchone()
    connection.close()
    return said, rows


def _commits(data: bytes) -> list[int]:
    """Where each commit ends."""
    ends = []
    for at in range(32, len(data) - FRAME + 1, FRAME):
        if data[at + 4 : at + 8] != bytes(4):
            ends.append(at + FRAME)
    return ends


def test_a_whole_log_is_silent(killed: Path, tmp_path: Path) -> None:
    """Nothing was cut, and its pages are those that SQLite copies into the file."""
    shutil.copytree(killed.parent, tmp_path / "a")
    said = scan(tmp_path / "a" / "j")
    assert (said.cut, said.damaged) == ("", False)
    pages = dict(said.read())
    connection = sqlite3.connect(tmp_path / "a" / "j")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    main = (tmp_path / "a" / "j").read_bytes()
    assert pages
    for number, page in pages.items():
        assert main[(number - 1) * PAGE : number * PAGE] == page


def test_a_log_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """Neither does an empty one."""
    assert scan(tmp_path / "j") == Wal(tmp_path / "j-wal", {})
    (tmp_path / "j-wal").touch()
    assert scan(tmp_path / "j") == Wal(tmp_path / "j-wal", {})


@pytest.mark.timeout(240)
def test_a_log_cut_anywhere_gives_the_last_whole_commit(killed: Path, tmp_path: Path) -> None:
    """At every byte: `scan` finds the commits that SQLite finds, and says what was cut."""
    data = wal_path(killed).read_bytes()
    ends = _commits(data)
    edges = {0, *(at + d for at in range(32, len(data), FRAME) for d in range(-32, 33))}
    wal = tmp_path / "k-wal"
    wal.write_bytes(data)
    for at in reversed(range(len(data))):
        # SQLite itself is asked where the result can change, the scan everywhere.
        os.truncate(wal, at)
        said = scan(tmp_path / "k")
        if at in edges or not at % 97:
            said, rows = _damaged(killed, tmp_path / "a", data[:at])
            assert rows == ROWS * sum(end <= at for end in ends), at
        assert (said.cut == "") == (at in {0, 32, *ends}), at
        whole = max([0, *(end for end in ends if end <= at)])
        assert len(said.pages) == len({data[p : p + 4] for p in range(32, whole, FRAME)}), at


@pytest.mark.timeout(240)
def test_a_changed_byte_cuts_from_its_page_on(killed: Path, tmp_path: Path) -> None:
    """In the header, in each part of frames, in pages: never silent, never more than SQLite."""
    data = wal_path(killed).read_bytes()
    ends = _commits(data)
    rng = random.Random(11)
    heads = [at + d for at in range(32, len(data), FRAME) for d in (0, 3, 5, 8, 11, 12, 15, 16, 23)]
    spots = [*range(32), *heads, *(rng.randrange(32, len(data)) for _ in range(60))]
    for at in spots:
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        said, rows = _damaged(killed, tmp_path / "a", bytes(changed))
        frame = 32 if at < 32 else at - (at - 32) % FRAME
        whole = 0 if at < 32 else ROWS * sum(end <= frame for end in ends)
        assert rows == whole, at
        assert said.damaged, at
        assert "damaged" in said.cut


def test_what_is_left_of_an_older_generation_is_normal(tmp_path: Path) -> None:
    """A log that was begun again is shorter than its file."""
    said = scan(write(tmp_path, 5, restart=True))
    assert (said.cut, said.damaged) == ("", False)
    assert len(said.pages) == 1


def test_an_uncommitted_tail_is_said_to_be_one(killed: Path, tmp_path: Path) -> None:
    """As a kill in the middle of a commit leaves it: said, but no damage."""
    data = wal_path(killed).read_bytes()
    ends = _commits(data)
    said, rows = _damaged(killed, tmp_path / "a", data[: ends[-2] + FRAME])
    assert "unfinished commit" in said.cut
    assert not said.damaged
    assert rows == ROWS

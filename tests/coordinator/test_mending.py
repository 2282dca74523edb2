"""A damaged journal: always noticed, never silently read, brought over as far as it is whole."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from kit_journal import Named, fill, make_row, stored

from podlog.coordinator.journal import Journal
from podlog.coordinator.mending import inspect
from podlog.coordinator.pagesums import sums_path
from podlog.coordinator.salvage import found_rows
from podlog.coordinator.sqlitefile import rows_of
from podlog.coordinator.walfile import PAGE
from podlog.proto.errors import JournalError


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal that was closed."""
    path = tmp_path_factory.mktemp("settled") / "j"
    journal = Journal(path)
    fill(journal, 1, 400)
    journal.close()
    return path


@pytest.fixture
def copy(settled: Path, tmp_path: Path) -> Callable[[bytes], Path]:
    """Puts the journal, with other bytes, into a folder of its own."""

    def make(data: bytes) -> Path:
        folder = tmp_path / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(settled.parent, folder)
        (folder / "j").write_bytes(data)
        return folder / "j"

    return make


def placed(data: bytes) -> dict[Named, set[int]]:
    """For each row the pages that hold it."""
    where: dict[Named, set[int]] = {}
    for number in range(1, len(data) // PAGE + 1):
        read: set[int] = set()

        def get(n: int, read: set[int] = read) -> bytes:
            read.add(n)
            return data[(n - 1) * PAGE : n * PAGE]

        for table, row in rows_of(number, get(number), get):
            assert table is not None
            where[table.name, row] = set(read)
            read.intersection_update({number})
    return where


def spots(data: bytes, rng: random.Random) -> list[int]:
    """Random places, and those that hold the file together on every page."""
    heads = [
        at + d for at in range(PAGE, len(data), PAGE) for d in (0, 1, 3, 4, 5, 7, 8, 9, 11, 12)
    ]
    return [*range(112), *heads, *(rng.randrange(len(data)) for _ in range(300))]


def test_every_row_can_be_read_from_its_page(settled: Path) -> None:
    """What the reader of pages finds is what SQLite finds, to the byte."""
    assert set(placed(settled.read_bytes())) == stored(settled)
    assert inspect(settled).problems == ()


@pytest.mark.timeout(180)
def test_a_flip_is_always_noticed_and_costs_one_page(
    settled: Path, copy: Callable[[bytes], Path]
) -> None:
    """At random and structural places: named, and every row on other pages is found."""
    data = settled.read_bytes()
    where = placed(data)
    rng = random.Random(5)
    path = copy(data)
    for at in spots(data, rng):
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        page = at // PAGE + 1
        try:
            (problem,) = inspect(path).problems
            assert f"1 pages of j are damaged ({page})" in problem
        except JournalError as error:
            assert 60 <= at < 64
            assert "has format" in str(error)
        rows = rows_of(page, bytes(changed[(page - 1) * PAGE : page * PAGE]), lambda _: b"")
        assert {(table.name, row) for table, row in rows if table is not None} <= where.keys(), at
        if at % 40 == 0:
            found = {(table.name, row) for table, row in found_rows(path) if table is not None}
            missing = where.keys() - found
            assert found <= where.keys(), at
            assert all(page in where[row] for row in missing), at


@pytest.mark.timeout(180)
def test_a_cut_file_is_noticed_and_mended(settled: Path, copy: Callable[[bytes], Path]) -> None:
    """At sixty places: what lies before the cut is in the new journal, the old file is kept."""
    data = settled.read_bytes()
    where = placed(data)
    rng = random.Random(6)
    for at in [0, 1, 99, PAGE, len(data) - 1, *(rng.randrange(len(data)) for _ in range(55))]:
        path = copy(data[:at])
        journal = Journal(path)
        assert "are damaged" in journal.cut, at
        journal.close()
        (kept,) = [p for p in path.parent.glob("j.damaged-*") if p.suffix != ".x" and _main(p)]
        assert kept.read_bytes() == data[:at]
        whole = {row for row, pages in where.items() if max(pages) * PAGE <= at}
        got = stored(path)
        dropped = {("records", row[1]) for row in whole if row[0] == "records"}
        assert whole - dropped <= got | _grown(whole), at


def _main(path: Path) -> bool:
    return not path.name.endswith(("-sums", "-wal"))


def _grown(rows: set[Named]) -> set[Named]:
    """Acks may be raised by what records say."""
    return {row for row in rows if row[0] == "acks"}


@pytest.mark.parametrize("page", [1, 2, 5, 9, 20])
def test_a_damaged_journal_goes_on(settled: Path, copy: Callable[[bytes], Path], page: int) -> None:
    """A page of garbage: the new journal is whole, closed as any, and takes more."""
    data = bytearray(settled.read_bytes())
    data[(page - 1) * PAGE : page * PAGE] = os.urandom(PAGE)
    path = copy(bytes(data))
    journal = Journal(path)
    assert f"damaged ({page})" in journal.cut
    assert "brought over" in journal.cut
    assert "kept as j.damaged-" in journal.cut
    assert journal.check() == []
    before = journal.last_id()
    assert journal.add_row(make_row(9999)).id == before + 1
    journal.close()
    again = Journal(path)
    assert again.cut == ""
    again.close()


def test_sums_that_are_gone_or_damaged_are_made_again(
    settled: Path, copy: Callable[[bytes], Path]
) -> None:
    """The journal is then checked by its rows; damage is found, health is said."""
    data = settled.read_bytes()
    sums = sums_path(settled).read_bytes()
    for spoilt in (
        None,
        b"",
        sums[:30],
        sums[:-1],
        b"x" + sums[1:],
        sums[:60] + b"xyz" + sums[63:],
    ):
        path = copy(data)
        if spoilt is None:
            sums_path(path).unlink()
        else:
            sums_path(path).write_bytes(spoilt)
        journal = Journal(path)
        assert "nothing is damaged" in journal.cut
        journal.close()
        assert inspect(path).problems == ()
        assert inspect(path).unsummed == ""

    path = copy(data[: 9 * PAGE] + os.urandom(PAGE) + data[10 * PAGE :])
    sums_path(path).unlink()
    journal = Journal(path)
    assert "was damaged" in journal.cut
    journal.close()


def test_a_foreign_file_is_left_alone(tmp_path: Path) -> None:
    """What is not ours is refused as it always was, and not a byte is changed beside it."""
    path = tmp_path / "other"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    data = path.read_bytes()
    text = tmp_path / "text"
    text.write_bytes(b"no database" * 1000)
    for foreign in (path, text):
        with pytest.raises(JournalError):
            Journal(foreign)
    assert path.read_bytes() == data
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "text"]

"""A damaged journal: always noticed, never silently read, brought over as far as it is whole."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from kit_journal import make_event, make_record, make_row

from podlog.coordinator.database import Database
from podlog.coordinator.journal import Journal
from podlog.coordinator.mending import inspect
from podlog.coordinator.pagesums import sums_path
from podlog.coordinator.salvage import found_rows
from podlog.coordinator.sqlitefile import rows_of
from podlog.coordinator.tables import BY_NAME, TABLES
from podlog.coordinator.walfile import PAGE, wal_path
from podlog.proto import podlog_pb2 as pb
from podlog.proto.errors import JournalError
from podlog.proto.records import Kind, LogLine, RunConfig, Verdict
from podlog.proto.rows import RowKey

Named = tuple[str, tuple[object, ...]]


def fill(journal: Journal, first: int, last: int) -> None:
    """Records, rows and the rest, a transaction each ten steps."""
    with journal.transaction():
        journal.set_meta("run_id", "r")
        journal.add_attempt("job", 0, 10.0)
        journal.set_member("job", 0, "{}")
        for process in range(2):
            journal.add_process(pb.Hello(process=process, incarnation=7 + process))
    for start in range(first, last, 10):
        with journal.transaction():
            steps = range(start, min(start + 10, last))
            records = [make_record(step, step=step) for step in steps]
            journal.add_records([(record, 1) for record in records])
            for record in records[:8]:
                journal.add_row(make_row(record.draft.step))
            for record in records[:4]:
                key = RowKey(1, "train", record.draft.step, Kind.STEP, 0)
                journal.assign(key, [record])
            journal.forget(records[4:8])
            journal.add_event(make_event(str(start)))
            journal.add_line(0, 1.0, start, LogLine(20, "a", "b" * 50))
            journal.set_ack(7, steps[-1])
            journal.set_made(7, steps[-1] + 3)
            journal.set_cursor("file", start, b"x" * 40, 0)
    with journal.transaction():
        journal.add_config(RunConfig("{}", os.urandom(9000)))
        journal.add_loss(8, 1, 4, "disk full")
        journal.set_verdict(Verdict("success", True, (), "", 1), "job")


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


def stored(path: Path) -> set[Named]:
    """All rows of all tables."""
    database = Database(path, read_only=True)
    found = {(t.name, row) for t in TABLES for row in database.execute(f"SELECT * FROM {t.name}")}
    database.close()
    return found


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


def test_what_was_given_out_does_not_come_back(tmp_path: Path) -> None:
    """An open record whose row is there, from an older page, is left out; others are kept."""
    path = tmp_path / "j"
    journal = Journal(path)
    journal.add_attempt("job", 0, 1.0)
    journal.add_records([(make_record(seq, step=seq), 1) for seq in (1, 2, 3)])
    journal.add_row(make_row(2))
    journal.close()
    path.write_bytes(path.read_bytes() + bytes(PAGE))
    again = Journal(path)
    assert [record.seq for record, _ in again.open_records()] == [1, 3]
    assert "1 records were left out" in again.cut
    again.close()


def test_deleted_rows_leave_nothing_behind(tmp_path: Path) -> None:
    """No page, in use or free, holds what was deleted."""
    path = tmp_path / "j"
    journal = Journal(path)
    records = [make_record(seq, step=seq) for seq in range(1, 3000)]
    journal.add_records([(record, 1) for record in records])
    journal.forget(records[:-1])
    journal.close()
    found = [row for table, row in found_rows(path) if table is BY_NAME["records"]]
    assert [row[1] for row in found] == [2999]


def test_what_follows_from_rows_is_completed(tmp_path: Path) -> None:
    """Lost acks and attempts are derived, records without a schema are declared lost."""
    path = tmp_path / "j"
    journal = Journal(path)
    journal.add_records([(make_record(seq, step=seq), 4) for seq in (1, 2, 3)])
    journal.add_row(make_row(9, attempt=6))
    journal.set_cursor("file", 50, b"", 0)
    journal.close()
    path.write_bytes(path.read_bytes() + bytes(PAGE))
    again = Journal(path)
    assert again.acks() == {7: 3}
    assert sorted(a.number for a in again.attempts()) == [4, 6]
    assert again.last_id() == 50
    with again.transaction():
        again._db.execute("DELETE FROM schemas")
    again.close()
    path.write_bytes(path.read_bytes() + bytes(PAGE))
    third = Journal(path)
    assert third.open_records() == []
    assert [(loss.first, loss.last) for loss in third.losses()] == [(1, 1), (2, 2), (3, 3)]
    third.close()


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


def test_a_killed_journal_is_whole(tmp_path: Path) -> None:
    """Copied at any moment, between and after checkpoints: nothing is cut, nothing damaged."""
    path = tmp_path / "live" / "j"
    journal = Journal(path)
    fill(journal, 1, 200)
    for round_ in range(4):
        shutil.copytree(path.parent, tmp_path / f"killed{round_}")
        again = Journal(tmp_path / f"killed{round_}" / "j")
        assert again.cut == ""
        assert again.check() == []
        assert again.acks() == journal.acks()
        again.close()
        if round_ % 2:
            fill(journal, 200 * round_ + 1, 200 * round_ + 200)
        else:
            assert journal._db.checkpoint()
    journal.close()


def test_a_checkpoint_that_was_killed_is_whole(tmp_path: Path) -> None:
    """Sums are written first: then every mixture of old and new pages is right."""
    path = tmp_path / "live" / "j"
    journal = Journal(path)
    fill(journal, 1, 100)
    journal._db.checkpoint()
    fill(journal, 100, 200)
    shutil.copytree(path.parent, tmp_path / "before")
    expected = journal.acks()
    journal._db.checkpoint()
    after = path.read_bytes()
    before = (tmp_path / "before" / "j").read_bytes()
    for pages in range(0, len(after) // PAGE + 1, 3):
        folder = tmp_path / "mixed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "before", folder)
        shutil.copyfile(sums_path(path), sums_path(folder / "j"))
        (folder / "j").write_bytes(after[: pages * PAGE] + before[pages * PAGE :])
        again = Journal(folder / "j")
        assert (again.cut, again.acks(), again.check()) == ("", expected, [])
        again.close()
    journal.close()


def test_a_damaged_log_after_half_a_checkpoint_is_noticed(tmp_path: Path) -> None:
    """Pages that are newer than what is left of the log do not make a mixture of two times."""
    path = tmp_path / "live" / "j"
    journal = Journal(path)
    fill(journal, 1, 100)
    journal._db.checkpoint()
    fill(journal, 100, 200)
    shutil.copytree(path.parent, tmp_path / "killed")
    journal._db.checkpoint()
    killed = tmp_path / "killed" / "j"
    shutil.copyfile(path, killed)
    journal.close()
    wal = wal_path(killed)
    data = bytearray(wal.read_bytes())
    data[32 + 3 * (24 + PAGE)] ^= 1
    wal.write_bytes(data)
    again = Journal(killed)
    assert "-wal is damaged" in again.cut
    assert "pages of j are damaged" in again.cut
    assert again.check() == []
    again.close()


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

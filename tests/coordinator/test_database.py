"""The file under the journal: readers beside it, settling, damage, foreign files."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_journal import make_record, make_row

from podlog.coordinator.journal import Journal
from podlog.proto.errors import JournalError, JournalGoneError
from podlog.proto.records import Kind, LogLine, RunConfig
from podlog.proto.rows import ConfigItem, EventItem


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "run" / "journal.sqlite")
    yield journal
    journal.close()


def test_a_reader_sees_a_live_journal(journal: Journal) -> None:
    """A read-only journal beside the writer sees what is committed and can change nothing."""
    row = journal.add_row(make_row(1))
    assert journal.path is not None
    reader = Journal(journal.path, read_only=True)
    assert reader.rows_after(0) == [row]
    with pytest.raises(sqlite3.OperationalError):
        reader.set_meta("a", "b")
    reader.close()


def test_settling_with_a_reader_keeps_the_wal(journal: Journal, tmp_path: Path) -> None:
    """Close does not raise when somebody reads in the middle of a transaction."""
    journal.add_row(make_row(1))
    assert journal.path is not None
    reader = sqlite3.connect(journal.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM rows").fetchall()
    journal._db.execute("PRAGMA busy_timeout=10")
    journal.close()
    reader.close()
    again = Journal(journal.path)
    assert len(again.rows_after(0)) == 1
    again.close()


def test_what_is_not_a_journal_is_refused(tmp_path: Path) -> None:
    """A foreign file, a foreign database, a newer journal and a missing one are named."""
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"no database" * 1000)
    with pytest.raises(JournalError, match="foreign"):
        Journal(foreign)

    other = tmp_path / "other"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(JournalError, match="not a podlog journal"):
        Journal(other)

    newer = tmp_path / "newer"
    Journal(newer).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(JournalError, match="format 99"):
        Journal(newer)

    with pytest.raises(JournalError, match="missing"):
        Journal(tmp_path / "missing", read_only=True)


def test_a_closed_journal_says_so() -> None:
    """Use after close is an error of ours, not of SQLite."""
    journal = Journal(None)
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.meta("a")


def test_damage_is_found(tmp_path: Path) -> None:
    """A changed blob is listed by `check`, raised for records, and left out of feeds by name."""
    path = tmp_path / "j"
    journal = Journal(path)
    journal.add_records([(make_record(1), 1)])
    journal.add_row(make_row(1))
    whole = journal.add_config(RunConfig("{}"))
    journal.add_line(0, 0.0, 0, LogLine(20, "a", "b"))
    assert journal.check() == []
    for table in ("records", "rows", "lines"):
        journal._db.execute(f"UPDATE {table} SET data = cast(x'ff00' AS TEXT)")

    assert journal.check() == [
        "records 7:1: wrong checksum",
        "rows 1: wrong checksum",
        "lines 1: wrong checksum",
    ]
    with pytest.raises(JournalError, match="record 1"):
        journal.open_records()
    damaged, config = journal.rows_after(0)
    assert isinstance(damaged, EventItem)
    assert damaged.id == 1
    assert damaged.event.name == "damaged"
    assert config == whole
    assert isinstance(config, ConfigItem)
    assert journal.row(1, "train", 1, Kind.STEP) is None
    assert "damaged" in journal.lines_after(0)[0].line.message
    journal.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_deleted_journal_takes_nothing(journal: Journal, replaced: bool) -> None:
    """Nothing is committed, thus acknowledged, that nobody could read any more."""
    journal.add_row(make_row(1))
    assert journal.path is not None
    kept = journal.path.rename(journal.path.with_name("kept"))
    if replaced:
        journal.path.touch()
    with pytest.raises(JournalGoneError, match="while it was open"), journal.transaction():
        journal.add_row(make_row(2))
    assert journal.last_id() == 1
    journal.path.unlink(missing_ok=True)
    kept.rename(journal.path)
    with journal.transaction():
        journal.add_row(make_row(2))
    assert journal.last_id() == 2

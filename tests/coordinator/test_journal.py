"""The journal: what is put in comes out, in order, once, and checked."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_journal import SCHEMA, make_event, make_record, make_row

from podlog.coordinator.journal import Cursor, Journal
from podlog.proto import podlog_pb2 as pb
from podlog.proto.errors import JournalError
from podlog.proto.records import (
    Kind,
    LogLine,
    RunConfig,
    Verdict,
)
from podlog.proto.rows import Row, RowKey


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "run" / "journal.sqlite")
    yield journal
    journal.close()


def test_meta_attempts_processes_and_verdict_survive_reopening(tmp_path: Path) -> None:
    """What the run is, is there after close, in one file."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    hello = pb.Hello(process=1, incarnation=2**64 - 5, host="h", started=9.0)
    with journal.transaction():
        journal.set_meta("run_id", "r")
        journal.add_process(hello)
        assert journal.add_attempt("job-b", 0, 20.0) == 1
        assert journal.add_attempt("job-a", 0, 10.0) == 2
        assert journal.add_attempt("job-b", 0, 20.0) == 1
        assert journal.add_attempt("job-b", 1, 20.0, restored_at=200) == 3
        assert journal.add_attempt("job-b", 1, 20.0) == 3
        assert journal.add_attempt("job-b", 1, 20.0, restored_at=300) == 3
        journal.set_verdict(Verdict("unfinished", False, (1, 2), "", 1))
        journal.set_verdict(Verdict("success", True, (), "because", 1))
    journal.close()
    journal.close()

    assert sorted(p.name for p in tmp_path.iterdir()) == ["journal.sqlite", "journal.sqlite-sums"]
    again = Journal(path)
    assert again.meta("run_id") == "r"
    assert again.meta("other") is None
    assert again.processes() == [hello]
    assert [(a.number, a.restored_at) for a in again.attempts()] == [
        (2, None),
        (1, None),
        (3, 200),
    ]
    assert again.verdict() == Verdict("success", True, (), "because", 1)
    again.close()


def test_no_verdict_at_first() -> None:
    """A new journal has no verdict, no acks, no cursors."""
    journal = Journal(None)
    assert journal.path is None
    assert journal.verdict() is None
    assert journal.acks() == {}
    assert journal.cursor("file") == Cursor()
    assert journal.last_id() == 0
    journal.close()


def test_acks_hold_any_64_bit_incarnation(journal: Journal) -> None:
    """Incarnations above 2^63 come back as they were."""
    journal.set_ack(2**64 - 1, 5)
    journal.set_ack(3, 2)
    journal.set_ack(2**64 - 1, 6)
    assert journal.acks() == {2**64 - 1: 6, 3: 2}


def test_records_are_open_until_assigned_and_kept_until_deleted(journal: Journal) -> None:
    """A record belongs to the row it is assigned to; deleting a row's records leaves others."""
    a, c = make_record(1), make_record(3, step=2)
    b = make_record(2, process=1, incarnation=2**63 + 1)
    with journal.transaction():
        journal.add_records([(a, 1), (b, 1), (c, 1)])
        journal.add_records([(a, 1)])
    key = RowKey(1, "train", 1, Kind.STEP, 4)
    assert {r.seq for r, attempt in journal.open_records() if attempt == 1} == {1, 2, 3}
    assert journal.records_of(key) == []

    journal.assign(key, [b, a])
    assert journal.records_of(key) == [a, b]
    assert journal.open_records() == [(c, 1)]

    journal.delete_records(key)
    assert journal.records_of(key) == []
    assert journal.open_records() == [(c, 1)]


def test_records_can_be_read_after_reopening(tmp_path: Path) -> None:
    """Schemas come back with the records that need them."""
    path = tmp_path / "j"
    journal = Journal(path)
    journal.add_records([(make_record(1), 1)])
    journal.close()
    again = Journal(path)
    assert again.open_records() == [(make_record(1), 1)]
    assert list(again.schemas().values()) == [SCHEMA]
    again.close()


def test_items_come_in_one_numbering(journal: Journal) -> None:
    """Rows, events and configs come back in the order in which they were stored."""
    with journal.transaction():
        row = journal.add_row(make_row(1))
        event = journal.add_event(make_event("x"))
        config = journal.add_config(RunConfig('{"a": 1}', b"raw"))
        second = journal.add_row(make_row(2))
    assert [row.id, event.id, config.id, second.id] == [1, 2, 3, 4]
    assert journal.rows_after(0) == [row, event, config, second]
    assert journal.rows_after(1, 2) == [event, config]
    assert journal.rows_after(4) == []
    assert journal.newest_config() == config
    assert journal.last_id() == 4


def test_a_row_is_found_by_identity(journal: Journal) -> None:
    """`row` gives revision 0 of the newest attempt unless an attempt is named."""
    journal.add_attempt("old", 0, 100.0)
    journal.add_attempt("older", 0, 50.0)
    first = journal.add_row(make_row(7, attempt=1))
    journal.add_row(make_row(7, attempt=2))
    journal.add_row(make_row(7, attempt=1, revision=1))
    assert journal.row(None, "train", 7, Kind.STEP) == first
    found = journal.row(2, "train", 7, Kind.STEP)
    assert found is not None
    assert found.key.attempt == 2
    assert journal.row(None, "train", 8, Kind.STEP) is None
    assert journal.row(None, "train", 7, Kind.EPOCH) is None
    assert list(journal.given_rows(1, 9)) == [(first.key, 1, (0, 1))]
    assert journal.has_row(first.key)
    assert not journal.has_row(dataclasses.replace(first.key, n=1))


def test_newest_rows_are_the_last_revisions_in_first_order(journal: Journal) -> None:
    """A late revision takes the place of the row it corrects."""
    first, second = journal.add_row(make_row(1)), journal.add_row(make_row(2))
    late = journal.add_row(make_row(1, revision=1))
    assert journal.rows_after(0) == [first, second, late]
    assert list(journal.newest_rows()) == [late, second]


def test_one_revision_of_a_row_is_stored_once(journal: Journal) -> None:
    """A second row with the same identity and revision is refused by name."""
    journal.add_row(make_row(1))
    with pytest.raises(JournalError, match="step=1"):
        journal.add_row(make_row(1))


def test_what_tools_are_shown_can_be_added_later(journal: Journal) -> None:
    """The row keeps its id, its place, and single processes' values."""
    stored = journal.add_row(dataclasses.replace(make_row(1), per_process={"loss": {0: 1.0}}))
    journal.add_row(make_row(2))
    changed = dataclasses.replace(stored, shown={"ppl": 2.0}, flags=("unprocessed",))
    journal.replace_row(changed)
    assert journal.rows_after(0, 1) == [changed]
    assert journal.check() == []


def test_details_of_old_quiet_rows_go(journal: Journal) -> None:
    """Single processes' values stay for new rows, every n-th, and rows with a flag."""
    for step in range(1, 11):
        flags = ("late",) if step == 3 else ()
        row = dataclasses.replace(make_row(step), per_process={"loss": {0: 1.0}}, flags=flags)
        journal.add_row(row)
    journal.thin_details(newest=2, every=4)
    kept = [r.id for r in journal.rows_after(0) if isinstance(r, Row) and r.per_process]
    assert kept == [3, 4, 8, 9, 10]


def test_a_transaction_is_all_or_nothing(journal: Journal) -> None:
    """After an exception neither the file nor the journal's memory holds any of it."""
    with pytest.raises(RuntimeError), journal.transaction():
        journal.add_records([(make_record(1), 1)])
        journal.add_row(make_row(1))
        journal.set_ack(7, 1)
        raise RuntimeError
    assert journal.acks() == {}
    assert journal.schemas() == {}
    assert journal.rows_after(0) == []
    assert journal.add_row(make_row(1)).id == 1
    journal.add_records([(make_record(1), 1)])
    assert journal.open_records() == [(make_record(1), 1)]


def test_lines_are_kept_until_written(journal: Journal) -> None:
    """Lines come in order of receipt; their ids are never used twice."""
    line = LogLine(20, "a.b", "text \N{SNOWMAN}", "host")
    assert journal.add_line(1, 2.0, 3, line) == 1
    journal.add_line(0, 2.0, 3, line)
    found = [(stored.id, stored.process, stored.line) for stored in journal.lines_after(0)]
    assert found == [(1, 1, line), (2, 0, line)]
    journal.delete_lines_up_to(2)
    assert journal.lines_after(0) == []
    assert journal.add_line(0, 2.0, 3, line) == 3


def test_cursors_are_kept_by_tool(journal: Journal) -> None:
    """Each tool has its own cursor and position."""
    journal.set_cursor("a", 3, b"\x00pos", 0)
    journal.set_cursor("b", 1, b"", 0)
    journal.set_cursor("a", 4, b"more", 2)
    assert journal.cursor("a") == Cursor(4, b"more", 2)
    assert journal.cursor("b") == Cursor(1, b"", 0)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.sampled_from(["row", "event", "config"]), max_size=40),
    st.integers(1, 7),
)
def test_reading_in_pages_gives_everything_once(kinds: list[str], page: int) -> None:
    """Whatever the page size, a reader that goes on from its cursor sees all items in order."""
    journal = Journal(None)
    stored: list[object] = []
    for number, kind in enumerate(kinds):
        if kind == "row":
            stored.append(journal.add_row(make_row(number)))
        elif kind == "event":
            stored.append(journal.add_event(make_event(str(number))))
        else:
            stored.append(journal.add_config(RunConfig(str(number))))
    seen: list[object] = []
    cursor = 0
    while items := journal.rows_after(cursor, page):
        seen += items
        cursor = items[-1].id
    assert seen == stored
    journal.close()


def test_a_rolled_back_row_is_not_handed_out(journal: Journal) -> None:
    """What a feed gets is what the file holds, also after an undone transaction."""
    with pytest.raises(RuntimeError), journal.transaction():
        journal.add_row(make_row(1))
        raise RuntimeError
    with journal.transaction():
        kept = journal.add_row(make_row(2))
    assert journal.rows_after(0) == [kept]
    journal.replace_row(dataclasses.replace(kept, shown={"loss": 7.0}))
    assert journal.rows_after(0) == [dataclasses.replace(kept, shown={"loss": 7.0})]


def test_single_records_are_forgotten(journal: Journal) -> None:
    """Records whose row is complete at once need not be assigned to it first."""
    records = [make_record(seq) for seq in (1, 2, 3)]
    journal.add_records((record, 1) for record in records)
    journal.forget(records[:2])
    assert journal.open_records() == [(records[2], 1)]

"""What a new journal is made of: what was deleted stays away, what follows is completed."""

from pathlib import Path

from kit_journal import make_record, make_row

from podlog.coordinator.journal import Journal
from podlog.coordinator.salvage import found_rows
from podlog.coordinator.tables import BY_NAME
from podlog.coordinator.walfile import PAGE


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

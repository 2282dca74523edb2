"""The audit: made = stored + declared lost, and who is to be asked for the rest."""

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from kit_audit import hello, make_run
from kit_disks import small_disk
from kit_journal import make_event, make_record, make_row
from kit_spools import draft

from podlog.coordinator.cli import Audit, audit, audit_json, audit_text
from podlog.coordinator.fencefile import Holder, write
from podlog.coordinator.journal import Journal
from podlog.proto import podlog_pb2 as pb
from podlog.proto.alive import boot_id, start_time
from podlog.proto.errors import JournalError
from podlog.worker.spool import Spool

HERE = socket.gethostname()


def account(run: Path) -> Audit:
    """The audit, which must not change a byte of what is there."""
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file() and "-shm" not in p.name}
    found = audit(run)
    after = {p: p.read_bytes() for p in run.rglob("*") if p.is_file() and "-shm" not in p.name}
    assert after == before
    assert json.loads(audit_json(found))["ok"] == found.ok
    return found


def test_a_whole_run_is_ok(tmp_path: Path) -> None:
    """Everything made is stored or declared lost, with its cause."""
    journal = make_run(tmp_path, hello(0, 7), hello(1, 8))
    journal.set_made(7, 10)
    journal.set_ack(7, 10)
    journal.set_made(8, 20)
    journal.set_ack(8, 20)
    journal.add_loss(8, 3, 5, "disk full")
    journal.add_loss(8, 9, 9, "disk full")
    journal.close()
    found = account(tmp_path)
    assert found.ok
    assert not found.live
    first, second = found.lives
    assert (first.made, first.stored, first.lost) == (10, 10, ())
    assert (second.made, second.stored, second.attempt) == (20, 16, 1)
    text = audit_text(found)
    assert "process 1 on far: 3 to 5, 9: disk full" in text
    last = "OK: all 30 records are accounted for, 4 of them declared lost"
    assert text.splitlines()[-1] == last


def test_what_is_nowhere_is_named(tmp_path: Path) -> None:
    """Process, numbers, host and the folder of its spool."""
    journal = make_run(tmp_path, hello(3, 7, spool="/local/spool"))
    journal.set_made(7, 12)
    journal.set_ack(7, 4)
    journal.close()
    found = account(tmp_path)
    assert not found.ok
    assert found.lives[0].unaccounted == ((5, 12),)
    text = audit_text(found)
    assert "process 3 on far: 5 to 12: perhaps in /local/spool on far" in text
    assert text.splitlines()[-1] == "NOT OK: 8 records unaccounted for, 0 things damaged"


def test_a_spool_accounts_for_what_it_holds(tmp_path: Path) -> None:
    """Records in spools are found by file, also those of a process the journal never met."""
    journal = make_run(tmp_path, hello(0, 7))
    journal.set_made(7, 6)
    journal.set_ack(7, 2)
    journal.close()
    for incarnation in (7, 9):
        spool = Spool(tmp_path / "spool", hello(incarnation % 7, incarnation))
        spool.append([draft(step) for step in range(1, 6)])
        spool.close()
    found = account(tmp_path)
    known, unmet = found.lives
    assert [(s.first, s.last) for s in known.spooled] == [(3, 5)]
    assert known.unaccounted == ((6, 6),)
    assert (unmet.process, unmet.made, unmet.unaccounted) == (2, 5, ())
    assert not found.ok
    assert "delivered at the next start with this log_path" in audit_text(found)

    journal = Journal(tmp_path / "journal.sqlite")
    journal.set_ack(7, 6)
    journal.close()
    found = account(tmp_path)
    assert found.ok
    last = "OK: all 11 records are accounted for, 5 of them still in spools"
    assert audit_text(found).splitlines()[-1] == last


def test_a_spool_elsewhere_on_this_host_is_looked_into(tmp_path: Path) -> None:
    """Where a Hello says that it spooled, if that was here."""
    elsewhere = tmp_path / "elsewhere"
    me = hello(0, 7, HERE, spool=str(elsewhere))
    journal = make_run(tmp_path / "run", me)
    journal.set_made(7, 3)
    journal.close()
    spool = Spool(elsewhere, me)
    spool.append([draft(step) for step in range(1, 4)])
    spool.close()
    other = Spool(elsewhere, pb.Hello(process=0, incarnation=99, host=HERE, run_id="another"))
    other.append([draft(1)])
    other.close()
    found = account(tmp_path / "run")
    assert found.ok
    assert [life.incarnation for life in found.lives] == [7]


def test_replaced_rows_are_counted(tmp_path: Path) -> None:
    """Records in rows that a newer attempt took the place of: two of three steps."""
    journal = make_run(tmp_path, hello(0, 7), hello(1, 8))
    journal.add_process(pb.Hello(process=0, incarnation=9, host="far", job_id="next"))
    for step in (1, 2, 3):
        journal.add_row(make_row(step))
    journal.add_attempt("next", 0, 20.0, restored_at=1)
    journal.close()
    found = account(tmp_path)
    assert [(life.incarnation, life.superseded) for life in found.lives] == [(7, 2), (9, 0), (8, 2)]


def test_rows_that_are_gone_are_named(tmp_path: Path) -> None:
    """Rows, events and configs have one numbering; a hole or a missing end is a loss."""
    journal = make_run(tmp_path)
    for step in range(1, 6):
        journal.add_row(make_row(step))
    journal.add_event(make_event("x"))
    journal.close()
    assert account(tmp_path).ok
    journal = Journal(tmp_path / "journal.sqlite")
    journal._db.execute("DELETE FROM rows WHERE id IN (2, 3)")
    journal.set_cursor("file", 8, b"", 0)
    journal.close()
    (problem,) = account(tmp_path).problems
    assert problem == "4 rows, events or configs are missing (numbers 2 to 3, 7 to 8)"


@pytest.mark.parametrize("page", [1, 2, 3])
def test_damage_is_named_and_the_rest_is_audited(tmp_path: Path, page: int) -> None:
    """A damaged file is audited by what can be salvaged, in a copy."""
    journal = make_run(tmp_path, hello(0, 7))
    journal.set_ack(7, 5)
    journal.close()
    path = tmp_path / "journal.sqlite"
    data = bytearray(path.read_bytes())
    data[page * 4096 - 4000] ^= 0x55
    path.write_bytes(data)
    found = account(tmp_path)
    assert not found.ok
    assert f"1 pages of journal.sqlite are damaged ({page})" in found.problems
    assert "damaged: 1 pages" in audit_text(found)
    Journal(path).close()
    again = account(tmp_path)
    assert again.problems == ()
    assert any("is a damaged journal, kept" in note for note in again.notes)


def test_a_wrong_row_is_named(tmp_path: Path) -> None:
    """What is wrong by its own checksum only."""
    journal = make_run(tmp_path)
    journal.add_row(make_row(1))
    journal._db.execute("UPDATE rows SET step = 5")
    journal.close()
    assert account(tmp_path).problems[0] == "rows 1: wrong checksum"


def test_a_live_run_is_audited_beside_its_writer(tmp_path: Path) -> None:
    """It says so; a log that a kill left is read, too, and what was cut of it is said."""
    run, killed = tmp_path / "run", tmp_path / "killed"
    journal = make_run(run, hello(0, 7))
    journal.set_ack(7, 5)
    now = time.time()
    write(
        run,
        Holder(HERE, os.getpid(), "job", now + 60, boot_id(), start_time(os.getpid()), "x"),
    )
    found = audit(run)
    assert found.live
    assert found.lives[0].stored == 5
    assert "a live run" in audit_text(found)
    shutil.copytree(run, killed)
    journal.close()

    (killed / "coordinator.json").unlink()
    wal = killed / "journal.sqlite-wal"
    wal.write_bytes(wal.read_bytes() + b"half a page")
    found = account(killed)
    assert found.ok
    assert found.lives[0].stored == 5
    assert any("unfinished commit" in note for note in found.notes)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_read_only_folder_can_be_audited(tmp_path: Path) -> None:
    """Settled, and killed with a log beside the file."""
    with small_disk(tmp_path / "ro", "64m") as folder:
        settled, killed = folder / "settled", folder / "killed"
        journal = make_run(settled, hello(0, 7))
        journal.set_ack(7, 5)
        shutil.copytree(settled, killed)
        journal.close()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        for run in (settled, killed):
            found = account(run)
            assert found.ok, found
            assert found.lives[0].stored == 5


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(JournalError, match="log_path of a run"):
        audit(tmp_path)
    (tmp_path / "journal.sqlite").write_bytes(b"text" * 5000)
    with pytest.raises(JournalError, match="no journal"):
        audit(tmp_path)


def test_records_of_a_restart_are_not_read_again(tmp_path: Path) -> None:
    """`given_rows` gives the newest rows of each mode and kind only, `count_rows` all."""
    journal = make_run(tmp_path)
    for step in range(1, 30):
        for mode in ("train", "val"):
            row = make_row(step)
            journal.add_row(dataclasses.replace(row, key=dataclasses.replace(row.key, mode=mode)))
    journal.add_records([(make_record(1), 1)])
    journal.add_attempt("other", 0, 20.0)
    journal.add_row(make_row(1, attempt=2))
    given_ = [(key.mode, key.step) for key, _, _ in journal.given_rows(1, 3)]
    assert given_ == [(mode, step) for mode in ("train", "val") for step in (27, 28, 29)]
    assert journal.count_rows("job") == 58
    assert journal.count_rows("other") == 1
    journal.close()

"""Readers beside a run: one that comes and goes meanwhile, one whose parts lie elsewhere."""

import dataclasses
import os
import socket
import time
from pathlib import Path

import pytest
from kit_journal import make_row
from kit_spools import draft

from podlog.coordinator import reading as readings
from podlog.coordinator.cli import audit, audit_text, export
from podlog.coordinator.core.member import Member, State
from podlog.coordinator.fencefile import Holder, write
from podlog.coordinator.journal import Journal
from podlog.coordinator.mending import Inspection
from podlog.coordinator.opening import open_run
from podlog.coordinator.pagesums import sums_path
from podlog.coordinator.restart import dump_member
from podlog.coordinator.walfile import PAGE
from podlog.proto import podlog_pb2 as pb
from podlog.proto.alive import boot_id, start_time
from podlog.proto.config import DeliveryConfig, LoggerConfig
from podlog.proto.errors import ConfigError, JournalError
from podlog.worker.spool import Spool


def hold(run: Path) -> None:
    """This process is the run's coordinator."""
    me = os.getpid()
    host, until = socket.gethostname(), time.time() + 60
    write(run, Holder(host, me, "job", until, boot_id(), start_time(me), "x"))


def make_live(run: Path) -> Journal:
    """A process of another host has made ten records; five are here."""
    journal = Journal(run / "journal.sqlite")
    journal.set_meta("run_id", "r")
    journal.add_attempt("job", 0, 10.0)
    hello = pb.Hello(process=1, incarnation=7, host="far", run_id="r", job_id="job")
    hello.spool = "/local/spool"
    journal.add_process(hello)
    journal.set_ack(7, 5)
    journal.set_made(7, 10)
    hold(run)
    return journal


def test_what_a_living_process_still_holds_is_not_missing(tmp_path: Path) -> None:
    """On another host, while the run lives; once the process is lost, it is."""
    journal = make_live(tmp_path)
    found = audit(tmp_path)
    assert found.ok
    assert [(s.first, s.last, s.live) for s in found.lives[0].spooled] == [(6, 10, True)]
    assert "6 to 10: /local/spool, its process is there" in audit_text(found)
    lost = Member(1, State.LOST, 0.0, host="far", incarnation=7)
    journal.set_member("job", 1, dump_member(lost))
    assert audit(tmp_path).lives[0].unaccounted == ((6, 10),)
    (tmp_path / "coordinator.json").unlink()
    journal.close()
    assert not audit(tmp_path).ok


def test_a_coordinator_that_comes_meanwhile_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen while it changed the files is worth nothing: they are looked at again."""
    journal = make_live(tmp_path)
    (tmp_path / "coordinator.json").unlink()

    def inspect(path: Path) -> Inspection:
        hold(path.parent)
        return Inspection(None, ("pages that are being written",))

    monkeypatch.setattr(readings, "inspect", inspect)
    found = audit(tmp_path)
    assert (found.live, found.problems) == (True, ())
    journal.close()


def test_all_of_an_export_is_of_one_moment(tmp_path: Path) -> None:
    """Rows that come, or come again, between its two passes are not half in it."""
    journal = make_live(tmp_path)
    journal.add_row(make_row(1))
    with readings.reading(tmp_path) as found, found.journal.snapshot():
        first = list(found.journal.newest_rows())
        journal.add_row(make_row(1, revision=1))
        journal.add_row(make_row(2))
        assert list(found.journal.newest_rows()) == first
    export(tmp_path, "csv", None, tmp_path / "out")
    assert len((tmp_path / "out").read_text().splitlines()) == 3
    journal.close()


def test_spools_without_a_journal_are_accounted_for(tmp_path: Path) -> None:
    """No coordinator was ever reached: the records are named, and nothing is made."""
    spool = Spool(tmp_path / "spool", pb.Hello(process=0, incarnation=7, run_id="r"))
    spool.append([draft(step) for step in (1, 2, 3)])
    spool.close()
    found = audit(tmp_path)
    assert found.ok
    assert [(s.first, s.last) for s in found.lives[0].spooled] == [(1, 3)]
    assert "there is no journal" in audit_text(found)
    assert [path.name for path in tmp_path.iterdir()] == ["spool"]


def test_a_journal_that_lies_elsewhere_is_found_from_both_ends(tmp_path: Path) -> None:
    """By the run's folder and by its own, live and settled; another run is refused."""
    run, disk = tmp_path / "run", tmp_path / "disk"
    config = LoggerConfig(log_path=run, delivery=DeliveryConfig(journal_dir=disk))
    opened = open_run(config, job_id="job", memory=False)
    opened.journal.add_attempt("job", 0, 1.0)
    opened.journal.add_row(make_row(1))
    assert [audit(folder).live for folder in (run, disk)] == [True, True]
    other = dataclasses.replace(config, log_path=tmp_path / "other")
    with pytest.raises(JournalError, match="choose another journal_dir"):
        open_run(other, job_id="next", memory=False)
    opened.close()
    for folder in (run, disk):
        found = audit(folder)
        assert (found.live, found.ok) == (False, True)
        export(folder, "jsonl", None, tmp_path / "out")
        assert len((tmp_path / "out").read_text().splitlines()) == 1
    open_run(config, job_id="later", memory=False).close()


def test_what_sqlite_refuses_is_damage_also_without_sums(tmp_path: Path) -> None:
    """A file that lost its end: what is left of it is read, and is not all."""
    journal = make_live(tmp_path)
    (tmp_path / "coordinator.json").unlink()
    journal.set_ack(7, 10)
    journal.close()
    assert audit(tmp_path).ok
    sums_path(tmp_path / "journal.sqlite").unlink()
    os.truncate(tmp_path / "journal.sqlite", 5 * PAGE)
    found = audit(tmp_path)
    assert not found.ok
    assert "cannot be opened" in found.problems[0]


def test_an_export_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """The file is named."""
    make_live(tmp_path).close()
    with pytest.raises(ConfigError, match="nowhere/out cannot be written"):
        export(tmp_path, "csv", None, tmp_path / "nowhere" / "out")


def test_a_journal_that_is_only_begun_says_so(tmp_path: Path) -> None:
    """An empty file, as a kill at the very beginning leaves it."""
    (tmp_path / "journal.sqlite").touch()
    with pytest.raises(JournalError, match="no journal"):
        audit(tmp_path)

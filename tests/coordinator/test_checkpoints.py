"""A journal killed at any moment is whole; where its log lost what was being copied, it is not."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
from kit_journal import fill, make_row, stored

from podlog.coordinator.journal import Journal
from podlog.coordinator.mending import inspect
from podlog.coordinator.pagesums import PageSums, sums_path
from podlog.coordinator.walfile import PAGE, wal_path


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


@pytest.mark.parametrize("what", ["flipped", "cut", "gone"])
def test_half_a_checkpoint_without_its_log_is_noticed(tmp_path: Path, what: str) -> None:
    """Sums are new, some pages are: never opened as it is, and every row on a page is found."""
    path = tmp_path / "live" / "j"
    journal = Journal(path)
    fill(journal, 1, 200)
    assert journal._db.checkpoint()
    journal.set_meta("run_id", "s")  # changes pages, and adds none
    journal.set_ack(7, 500)
    journal.set_made(7, 500)
    journal.set_cursor("file", 500, b"y" * 40, 0)
    journal.replace_row(dataclasses.replace(make_row(1), id=1, time=6.0))
    shutil.copytree(path.parent, tmp_path / "before")
    assert journal._db.checkpoint()
    after, before = path.read_bytes(), (tmp_path / "before" / "j").read_bytes()
    rows = {row for row in stored(path) if row[0] == "rows"}
    journal.close()
    wal = bytearray(wal_path(tmp_path / "before" / "j").read_bytes())
    second = 32 + 24 + PAGE
    wal[second + 100] ^= 1
    count = len(after) // PAGE
    for pages in (*range(0, count, 5), count):
        killed = tmp_path / f"killed{pages}" / "j"
        shutil.copytree(tmp_path / "before", killed.parent)
        shutil.copyfile(sums_path(path), sums_path(killed))
        killed.write_bytes(after[: pages * PAGE] + before[pages * PAGE :])
        if what == "gone":
            wal_path(killed).unlink()
        else:
            wal_path(killed).write_bytes(wal if what == "flipped" else wal[:second])
        whole = killed.read_bytes() == after and what == "gone"
        assert bool(inspect(killed).problems) != whole, pages
        again = Journal(killed)
        assert ("was damaged" in again.cut) != whole, pages
        assert again.check() == []
        again.close()
        assert len({row[1][0] for row in stored(killed) if row[0] == "rows"}) == len(rows)
        shutil.rmtree(killed.parent)


def test_a_close_that_cannot_write_the_sums_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full then: the pages stay in the log, or the sums go."""
    path = tmp_path / "j"
    journal = Journal(path)
    fill(journal, 1, 100)
    journal._db.checkpoint()
    fill(journal, 100, 200)
    expected = journal.acks()

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(PageSums, "update", full)
        journal.close()
    assert inspect(path).problems == ()
    again = Journal(path)
    assert "was damaged" not in again.cut
    assert again.acks() == expected
    assert again.check() == []
    again.close()
    assert inspect(path).unsummed == ""

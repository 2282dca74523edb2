"""Where a run's journal lies if not in its log_path, and whose it is."""

import contextlib
import os
import sqlite3
from pathlib import Path

from ..proto.errors import JournalError
from .journal import Journal

NAME = "journal.sqlite"
_LINK = "journal.dir"
_HOME = "log_path"
_LONGEST = 4096


def journal_path(log_path: Path, folder: Path) -> Path:
    """The journal's file in `folder`; a link in `log_path` says where, if that is another.

    Raises:
        JournalError: another run's journal lies there.
        OSError: the link cannot be written.
    """
    path = folder.absolute() / NAME
    if path.parent == log_path:
        return path
    owner = home(path)
    if owner is not None and owner != log_path and owner.exists():
        raise JournalError(
            f"{path} is the journal of log_path {owner}, not of {log_path}: "
            "choose another journal_dir"
        )
    (log_path / _LINK).write_text(f"{path.parent}\n")
    return path


def tell_home(journal: Journal, log_path: Path) -> None:
    """Has a journal that lies elsewhere say whose it is."""
    if journal.path is not None and journal.path.parent != log_path:
        journal.set_meta(_HOME, str(log_path))


def found_journal(run: Path) -> Path:
    """The journal of the run in folder `run`, there or not; a file is its own.

    Raises:
        JournalError: what says where it is cannot be read.
    """
    if not run.is_dir():
        return run
    link = run / _LINK
    try:
        named = link.read_bytes().removesuffix(b"\n")
    except OSError:
        return run / NAME
    if not named or b"\0" in named or len(named) > _LONGEST:
        raise JournalError(f"{link} names no folder: write the journal's there, or delete it")
    return Path(os.fsdecode(named)) / NAME


def home(path: Path) -> Path | None:
    """The log_path of the run whose journal `path` is; None: that cannot be told."""
    if (path.parent / "coordinator.lock").exists():
        return path.parent
    where = path.resolve().as_uri() + "?mode=ro"
    with contextlib.suppress(sqlite3.Error):
        with contextlib.closing(sqlite3.connect(where, uri=True)) as connection:
            sql = "SELECT value FROM meta WHERE key = ?"
            found = connection.execute(sql, (_HOME,)).fetchone()
        return None if found is None else Path(found[0])
    return None

"""A run's journal as a reader finds it: live, settled, or damaged."""

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..proto.alive import alive, boot_id
from ..proto.errors import JournalError
from .fencefile import seen_holder
from .journal import Journal
from .journalplace import found_journal, home
from .mending import Inspection, inspect
from .salvage import salvage
from .walfile import wal_path


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """An open journal and what is wrong with its file.

    Attributes:
        journal: read-only; of a damaged file a copy of what could be salvaged.
        folder: the run's log_path.
        live: a coordinator writes it.
        problems: what is damaged, in words.
        notes: what else is worth saying of it.
    """

    journal: Journal
    folder: Path
    live: bool
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def journal_of(run: Path) -> Path:
    """The journal's file: `run` itself, or the one in that folder.

    Raises:
        JournalError: there is none.
    """
    path = found_journal(run)
    if not path.exists():
        raise JournalError(f"{path} does not exist; name the log_path of a run")
    return path


def is_live(folder: Path) -> bool:
    """Whether a coordinator holds the run in `folder`, as far as can be seen from here.

    Raises:
        JournalError: what says so is damaged.
    """
    found = seen_holder(folder)
    if found is None:
        return False
    if found.boot and found.boot == boot_id():
        return alive(found.pid, found.started)
    return found.expires > time.time()


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What SQLite raises later, e.g. of a damage that is met only then, names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(
            f"journal {path} cannot be read ({error}); `podlog audit` says more"
        ) from error


@contextlib.contextmanager
def reading(run: Path, *, thorough: bool = False) -> Iterator[Reading]:
    """Opens the journal of a run to read it; changes nothing.

    Args:
        run: folder of the run, or the journal's own file.
        thorough: check every row, and salvage if one is damaged.

    Raises:
        JournalError: there is no journal, or it cannot be read.
    """
    path = journal_of(run)
    with _readable(path), contextlib.ExitStack() as stack:
        try:
            found = _settled(path, home(path) or path.parent, thorough, stack)
        except OSError as error:
            raise JournalError(f"journal {path} cannot be read ({error})") from error
        yield found


def _settled(path: Path, folder: Path, thorough: bool, stack: contextlib.ExitStack) -> Reading:
    """Looks once more if a coordinator came or went: what was seen meanwhile is worth nothing."""
    live = is_live(folder)
    try:
        found = _read(path, folder, live, thorough, stack)
    except (JournalError, OSError, sqlite3.Error):
        if is_live(folder) == live:
            raise
    else:
        if not found.problems or is_live(folder) == live:
            return found
    return _read(path, folder, not live, thorough, stack)


def _read(
    path: Path, folder: Path, live: bool, thorough: bool, stack: contextlib.ExitStack
) -> Reading:
    found = Inspection(None) if live else inspect(path)
    problems, notes = _said(found)
    journal = None
    if not problems:
        try:
            journal = _open(path, live, stack)
        except JournalError as error:
            if live:
                raise
            problems.append(f"{path.name} cannot be opened ({error.__cause__ or error})")
    if journal is not None and thorough:
        problems += journal.check()
    if journal is None or (problems and not live):
        journal = _salvaged(path, stack)
    return Reading(journal, folder, live, tuple(problems), tuple(notes))


def _said(found: Inspection) -> tuple[list[str], list[str]]:
    problems = list(found.problems)
    notes: list[str] = []
    if found.wal is not None and found.wal.cut:
        (problems if found.wal.damaged else notes).append(found.wal.cut)
    if found.unsummed:
        notes.append(f"{found.unsummed}: only rows are checked")
    return problems, notes


def _open(path: Path, live: bool, stack: contextlib.ExitStack) -> Journal:
    """The journal. One with a log that cannot be shared is copied."""
    if not live and wal_path(path).exists() and not os.access(path.parent, os.W_OK):
        copy = _folder(stack) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(wal_path(path), wal_path(copy))
        path = copy
    journal = Journal(path, read_only=True, settled=not live)
    stack.callback(journal.close)
    return journal


def _salvaged(path: Path, stack: contextlib.ExitStack) -> Journal:
    target = _folder(stack) / "journal.sqlite"
    if not salvage(path, target):
        raise JournalError(f"{path} is no journal, or so damaged that no row of it can be read")
    journal = Journal(target, read_only=True, settled=True)
    stack.callback(journal.close)
    return journal


def _folder(stack: contextlib.ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podlog-")))

"""Before a journal is opened: is its file what was written? If not, it is mended."""

import dataclasses
import itertools
import os
import shutil
import sqlite3
import time
from pathlib import Path

from ..proto.errors import JournalError
from .database import Database
from .filehead import APPLICATION_ID, VERSION, header, newer
from .pagesums import PageSums, sums_path
from .salvage import salvage
from .walfile import PAGE, Wal, scan, wal_path


@dataclasses.dataclass(frozen=True, slots=True)
class Inspection:
    """What a look at the files says, before SQLite opens them.

    Attributes:
        wal: the write-ahead log; None: it is somebody's who writes it now.
        problems: what is damaged in the main file, in words.
        unsummed: why its pages cannot be compared with sums; "" if they were.
    """

    wal: Wal | None
    problems: tuple[str, ...] = ()
    unsummed: str = ""


def inspect(path: Path) -> Inspection:
    """Looks at a journal that nobody writes; changes nothing.

    Raises:
        OSError: it cannot be read.
        JournalError: a newer podlog wrote it.
    """
    wal = scan(path)
    found = header(path)
    if found is not None and found[0] == APPLICATION_ID and found[1] > VERSION:
        raise JournalError(newer(path, found[1]))
    sums = PageSums(path)
    if sums.missing:
        there = path.exists() and path.stat().st_size > PAGE
        return Inspection(wal, (), f"{sums_path(path).name} is missing or damaged" if there else "")
    problems = []
    if sums.outran(wal):
        problems.append(f"{wal.path.name} lost commits that were being copied into {path.name}")
    wrong, unknown = sums.check(wal.pages)
    if wrong:
        some = ", ".join(map(str, wrong[:8])) + (", …" if len(wrong) > 8 else "")
        problems.append(f"{len(wrong)} pages of {path.name} are damaged ({some})")
    unsummed = f"{len(unknown)} sums are damaged" if unknown and not problems else ""
    return Inspection(wal, tuple(problems), unsummed)


def mend(path: Path) -> str:
    """Makes the journal at `path` fit to be opened for writing.

    Returns:
        What was lost and what became of it, in words; "" if nothing was.

    Raises:
        JournalError: it is no journal, or a newer one, or cannot be read.
    """
    try:
        _roll_back(path)
        found = inspect(path)
        said = [found.wal.cut] if found.wal and found.wal.cut else []
        problems = list(found.problems)
        if found.unsummed and _is_ours(path):
            problems += _check(path)
            if not problems:
                sums_path(path).unlink(missing_ok=True)
                said.append(f"{found.unsummed}: checked by its rows, nothing is damaged")
        elif found.unsummed:
            problems = ["it is not an SQLite file"]
        if problems:
            said += _salvage(path, problems, ours=not PageSums(path).missing or _is_ours(path))
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"journal {path} cannot be read ({error})") from error
    return "; ".join(said)


def _roll_back(path: Path) -> None:
    """Lets SQLite finish what it was about when it was killed as it closed or opened the file."""
    hot = path.with_name(path.name + "-journal")
    if hot.exists() and hot.stat().st_size and path.exists():
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.DatabaseError:
            hot.unlink()
        finally:
            connection.close()


def _is_ours(path: Path) -> bool:
    found = header(path)
    return found is not None and found[0] == APPLICATION_ID


def _check(path: Path) -> list[str]:
    try:
        database = Database(path, read_only=True)
    except JournalError as error:
        return [str(error)]
    try:
        return database.check()
    finally:
        database.close()


def _salvage(path: Path, problems: list[str], *, ours: bool) -> list[str]:
    """Puts a new journal of the intact rows in place of a damaged one, which is kept."""
    fresh = path.with_name(path.name + ".salvage")
    _remove(fresh)
    said = salvage(path, fresh)
    if not said and not ours:
        _remove(fresh)
        return []
    kept = _keep(path)
    _remove_beside(path)
    if sums_path(fresh).exists():
        sums_path(fresh).replace(sums_path(path))
    fresh.replace(path)
    more = f" and {len(problems) - 1} more" if problems[1:] else ""
    return [
        f"the journal was damaged: {problems[0]}{more}",
        said or "no row of it could be read",
        f"the damaged file is kept as {kept.name}",
    ]


def _keep(path: Path) -> Path:
    """A second name for each of the damaged files; returns that of the main one."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    tries = (path.with_name(f"{path.name}.damaged-{stamp}-{n}") for n in itertools.count(1))
    kept = next(each for each in tries if not each.exists())
    for old in (path, wal_path(path), sums_path(path)):
        if old.exists():
            copy = kept.with_name(kept.name + old.name[len(path.name) :])
            try:
                os.link(old, copy)
            except OSError:
                shutil.copy2(old, copy)
    return kept


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _remove_beside(path)


def _remove_beside(path: Path) -> None:
    for tail in ("-wal", "-shm", "-sums", "-journal"):
        path.with_name(path.name + tail).unlink(missing_ok=True)

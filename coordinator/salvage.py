"""What a damaged journal still holds, brought into a new one."""

import collections
import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..proto.records import Kind, Record
from .database import Database
from .pagesums import PageSums
from .sqlitefile import Found, rows_of
from .stores import Stores
from .tables import BY_NAME
from .walfile import PAGE, scan

_LOST = "its record could not be read from the damaged journal"
_GROWING = {"acks", "made", "cursors"}
"""Tables of a number that only grows: of two versions the greater is the newer."""

_BATCH = 10_000


def salvage(source: Path, target: Path) -> str:
    """Makes a new journal of the intact rows of a damaged one and its write-ahead log.

    Each row is known by its checksum, which covers its table's name. Deleted
    rows do not come back: the journal is kept with ``secure_delete``, so that
    nothing is left of them. Open records whose row was given out are left out.

    Args:
        source: main file of the damaged one; it may be cut, or gone.
        target: the new one; nothing is there yet.

    Returns:
        What was brought over and what could not be, in words; "" if no row was found.

    Raises:
        OSError: the files cannot be read.
        JournalError: the new one cannot be written.
    """
    with contextlib.closing(Database(target)) as database:
        return _Salvage(database).run(source)


class _Salvage:
    """One run, into a new journal."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._unread = 0

    def run(self, source: Path) -> str:
        rows = found_rows(source)
        while batch := list(itertools.islice(rows, _BATCH)):
            with self._db.transaction():
                for table, row in batch:
                    if table is None:
                        self._unread += 1
                    else:
                        self._keep(table.name, row)
        with self._db.transaction():
            self._complete()
            dropped = self._drop_given(Stores(self._db))
        return self._said(dropped)

    def _keep(self, name: str, row: tuple[Any, ...]) -> None:
        values = ", ".join("?" * len(row))
        how = "IGNORE"
        if name in _GROWING:
            key = BY_NAME[name].names[0]
            sql = f"SELECT * FROM {name} WHERE {key} = ?"
            there = self._db.execute(sql, (row[0],)).fetchone()
            how = "REPLACE" if there is None or there[1] < row[1] else how
        self._db.execute(f"INSERT OR {how} INTO {name} VALUES ({values})", row)

    def _complete(self) -> None:
        """Adds what follows from what is there.

        A stored record says that all before it were stored; an attempt that
        rows speak of must have a number.
        """
        for incarnation, seq in self._db.execute(
            "SELECT incarnation, max(seq) FROM records GROUP BY incarnation"
            " EXCEPT SELECT incarnation, seq FROM acks"
        ).fetchall():
            (known,) = self._db.execute(
                "SELECT coalesce(max(seq), 0) FROM acks WHERE incarnation = ?", (incarnation,)
            ).fetchone()
            if known < seq:
                self._db.put("acks", incarnation, seq)
        for (number,) in self._db.execute(
            "SELECT attempt FROM rows UNION SELECT attempt FROM records"
            " EXCEPT SELECT number FROM attempts"
        ).fetchall():
            self._db.put("attempts", number, f"lost-{number}", 0, 0.0, None, 0)

    def _drop_given(self, stores: Stores) -> int:
        """Leaves out records that nobody can read, and open ones that are in a row already."""
        for incarnation, seq in stores.drop_unreadable():
            self._unread += 1
            stores.add_loss(incarnation, seq, seq, _LOST)
        given = [r for r, attempt in stores.open_records() if _is_given(stores, r, attempt)]
        stores.forget(given)
        return len(given)

    def _said(self, dropped: int) -> str:
        counts = collections.Counter(
            {
                name: self._db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                for name in BY_NAME
            }
        )
        if not counts.total():
            return ""
        text = "brought over: " + ", ".join(f"{count} {name}" for name, count in (+counts).items())
        if self._unread:
            text += f"; at least {self._unread} more could not be read"
        if dropped:
            text += f"; {dropped} records were left out, as they are in rows already"
        return text


def found_rows(source: Path) -> Iterator[Found]:
    """The rows on the pages of a journal, those in its write-ahead log in place of older ones.

    Where the log lost what was being copied from it, those in the file may be the newer: both.

    Raises:
        OSError: the files cannot be read.
    """
    log = scan(source)
    wal, mixed = dict(log.read()), PageSums(source).outran(log)
    main = os.open(source, os.O_RDONLY) if source.exists() else -1
    try:
        pages = os.fstat(main).st_size // PAGE if main >= 0 else 0

        def old(number: int) -> bytes:
            return os.pread(main, PAGE, (number - 1) * PAGE) if 0 < number <= pages else b""

        def get(number: int) -> bytes:
            return wal[number] if number in wal else old(number)

        for number in range(1, max(pages, *wal, 0) + 1):
            yield from rows_of(number, get(number), get)
            if mixed and number in wal:
                yield from rows_of(number, old(number), old)
    finally:
        if main >= 0:
            os.close(main)


def _is_given(stores: Stores, record: Record, attempt: int) -> bool:
    """Whether a row that was given out holds an open record."""
    keys = {metric.key for metric in record.draft.schema.metrics}
    found = [
        row
        for row in stores.rows_at(attempt, record.mode, record.kind, record.draft.step)
        if record.process in row.processes
    ]
    if record.kind is not Kind.HOST:
        return any(row.key.n == record.draft.n for row in found)
    before = min(record.draft.occurrences, default=0)
    return sum(keys <= set(row.metrics) for row in found) > before

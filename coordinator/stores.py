"""The tables of the journal together, over one connection."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .database import Database
from .itemstore import ItemStore
from .newest import NewestRows
from .recordstore import RecordStore
from .runstore import RunStore
from .takenstore import TakenStore


class Stores(RunStore, RecordStore, ItemStore, TakenStore):
    """Base of `Journal`: everything but how the file is opened.

    Args:
        db: the connection; closed if its tables cannot be read.

    Raises:
        JournalError: a table is damaged.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        try:
            self._recall()
        except BaseException:
            self._db.close()
            raise

    @property
    def path(self) -> Path | None:
        """The file, or None for memory."""
        return self._db.path

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits the block as a whole, or nothing of it if it raises."""
        try:
            with self._db.transaction():
                yield
        except BaseException:
            self._recall()
            raise

    def snapshot(self) -> contextlib.AbstractContextManager[None]:
        """All that is read in the block is of one moment, whatever is written meanwhile."""
        return self._db.snapshot()

    def check(self) -> list[str]:
        """One line for each thing that is damaged; empty if all is well."""
        return self._db.check()

    def close(self) -> None:
        """Leaves a single file, unless somebody still reads it; safe twice."""
        self._db.close()

    def _recall(self) -> None:
        self._newest = NewestRows()
        self._schemas = self._load_schemas()
        self._last_id = self._read_last_id()
        self._last_line = max(self._last_line, self._read_last_line())

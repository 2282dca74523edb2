"""The run's one store: `Journal`, made of the tables of three stores."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .database import Database
from .itemstore import ItemStore, StoredLine
from .newest import NewestRows
from .recordstore import RecordStore
from .runstore import RunStore

__all__ = ["Journal", "StoredLine"]


class Journal(RunStore, RecordStore, ItemStore):
    """Records, rows, events, configs, log lines, cursors and acks, in SQLite.

    Owned by one thread. Writes belong into ``with journal.transaction():``;
    one outside commits by itself. Rows, events and configs share one
    numbering, the id that cursors speak of. Every blob carries a CRC-32C that
    is checked when it is read.

    Args:
        path: the file, made with its folder if it is not there; None: memory.
        read_only: for readers of a finished or a live run.

    Raises:
        JournalError: the file is missing, damaged, not a journal, or newer.
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self._db = Database(path, read_only=read_only)
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

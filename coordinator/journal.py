"""The run's one store: `Journal`."""

from pathlib import Path

from .core.ingest import Loss
from .database import Database
from .mending import mend
from .stores import Stores
from .takenstore import Cursor, StoredLine

__all__ = ["Cursor", "Journal", "Loss", "StoredLine"]


class Journal(Stores):
    """Records, rows, events, configs, log lines, cursors and acks, in SQLite.

    Owned by one thread. Writes belong into ``with journal.transaction():``;
    one outside commits by itself. Rows, events and configs share one
    numbering, the id that cursors speak of. Every row of every table carries a
    CRC-32C that is checked when it is read, and every page of the file has one
    in a file beside it that is checked before the journal is opened for
    writing: a damaged file is moved aside, and what its rows allow is brought
    into a new one.

    Args:
        path: the file, made with its folder if it is not there; None: memory.
        read_only: for readers of a finished or a live run; mends nothing.
        settled: read_only, and nobody writes: its folder may be read-only, too.

    Attributes:
        cut: what was lost of the file when it was opened for writing, and where the
            damaged one is kept, in words; "" if nothing.

    Raises:
        JournalError: the file is missing, damaged, not a journal, or newer.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        read_only: bool = False,
        settled: bool = False,
        durable: bool = False,
    ) -> None:
        self.cut = "" if path is None or read_only else mend(path)
        super().__init__(Database(path, read_only=read_only, settled=settled, durable=durable))

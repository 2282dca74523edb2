"""The SQLite file under the journal: opening, transactions, checkpoints, settling."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..proto.errors import JournalError
from .filehead import APPLICATION_ID, VERSION, check_place, header, newer
from .netfs import is_network
from .pagesums import PageSums, page_sum
from .tables import INDEXES, TABLES, intact, reseal, seal
from .walfile import PAGE, scan, wal_path, wal_size

_log = logging.getLogger(__name__)

_BUSY_MS = 5000

WAL_BYTES = 4 << 20
"""The log is copied into the file when it is longer than this."""


def signed(number: int) -> int:
    """A 64-bit id as the signed integer that SQLite can hold."""
    return number - (1 << 64) if number >= 1 << 63 else number


def unsigned(number: int) -> int:
    """The 64-bit id that `signed` was given."""
    return number % (1 << 64)


def require(what: str, table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row, checked.

    Raises:
        JournalError: it changed since it was written.
    """
    if not intact(table, row):
        raise JournalError(
            f"journal: {what} is damaged (its checksum is wrong); `podlog audit` lists what is"
        )
    return row


class Database:
    """One connection to a journal file, or to memory.

    Not thread-safe: it has one owner at a time. Statements outside
    `transaction` commit by themselves. What is committed lies in the -wal file
    first; `checkpoint` copies it, by itself after a transaction that made the
    file long.

    Args:
        path: the file, made with its folder if it is not there; None: memory.
        read_only: never writes; the file must exist.
        settled: read_only, and nobody writes: its folder may be read-only, too.
        alone: keeps all readers out, so that no memory is shared through the
            file system; None: where it is one of a network.

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
        alone: bool | None = None,
    ) -> None:
        self.path = path
        self._read_only, self._settled, self._alone = read_only, settled, alone
        self._durable = durable
        self._connection: sqlite3.Connection | None = None
        self._sums: PageSums | None = None
        self._wal_limit = WAL_BYTES
        self._file: os.stat_result | None = None
        try:
            sums = None if path is None or read_only else _sums_of(path)
            self._connection = self._open()
            self._prepare(sums)
            self._file = None if sums is None else self._live_path().stat()
        except (sqlite3.Error, OSError) as error:
            self._discard()
            raise JournalError(
                f"journal {path} cannot be opened ({error}); {self._advice(error)}"
            ) from error
        except JournalError:
            self._discard()
            raise

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Runs one statement."""
        return self._live().execute(sql, values)

    def executemany(self, sql: str, values: list[tuple[Any, ...]]) -> None:
        """Runs one statement for each tuple of values."""
        self._live().executemany(sql, values)

    def put(self, table: str, *values: Any) -> None:
        """Stores a row of `table` sealed, in place of one with the same key."""
        marks = ", ".join("?" * (len(values) + 1))
        self.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", seal(table, *values))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block is committed at its end, or nothing if it raises.

        After a full or failing disk it can be tried again.

        Raises:
            JournalGoneError: the file was deleted or replaced: SQLite would go on
                writing to what nobody can open any more.
        """
        connection = self._live()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            if self._file is not None:
                check_place(self._live_path(), self._file)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise
        if self._sums is not None and wal_size(self._live_path()) > self._wal_limit:
            self.checkpoint()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read in the block is of one moment; a writer's log grows meanwhile."""
        connection = self._live()
        connection.execute("BEGIN")
        try:
            yield
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def checkpoint(self) -> bool:
        """Copies what is committed into the main file, the sums of its pages first.

        Returns:
            Whether all is in the file. If not, somebody reads it or the disk
            is full: all is safe where it is, and it is tried again later.
        """
        if not self._sum_log():
            return False
        self.execute("PRAGMA busy_timeout=0")
        try:
            (busy, _, _) = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            _log.warning("journal %s keeps its -wal file for now: %s", self.path, error)
            busy = 1
        self.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        self._wal_limit = self._longer() if busy else WAL_BYTES
        return not busy

    def check(self) -> list[str]:
        """What is wrong: SQLite's own check, then the checksum of every row."""
        try:
            found = [str(row[0]) for row in self.execute("PRAGMA integrity_check")]
            problems = [f"sqlite: {text}" for text in found if text != "ok"]
            for table in TABLES:
                for row in self.execute(f"SELECT * FROM {table.name}"):
                    if not intact(table.name, row):
                        key = ":".join(map(str, row[: table.key]))
                        problems.append(f"{table.name} {key}: wrong checksum")
        except sqlite3.Error as error:
            return [f"sqlite: {error}"]
        return problems

    def close(self) -> None:
        """Leaves one self-contained file, unless somebody still reads it; safe twice."""
        if self._connection is None:
            return
        if self._sums is not None and (self.checkpoint() or self._sum_log()):
            try:
                self.execute("PRAGMA journal_mode=DELETE")
            except sqlite3.Error as error:
                _log.warning("journal %s keeps its -wal file: %s", self.path, error)
        self._discard()

    def _sum_log(self) -> bool:
        """Writes the sums of the pages in the log; returns whether they are on the disk."""
        if self.path is None or self._sums is None:
            return False
        try:
            wal = scan(self.path)
            if wal.pages:
                # Sums of commits that a power loss takes back would be wrong.
                _sync(wal.path)
            self._sums.update({n: page_sum(n, page) for n, page in wal.read()}, wal)
        except OSError as error:
            self._wal_limit = self._longer()
            _log.warning("journal %s keeps its -wal file for now: %s", self.path, error)
            return False
        return True

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            where = "file::memory:"
        elif self._read_only:
            where = self.path.resolve().as_uri() + "?mode=ro"
            if self._settled and not wal_path(self.path).exists():
                where += "&immutable=1"
        else:
            where = self.path.resolve().as_uri()
        connection = sqlite3.connect(
            where, uri=True, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
        )
        connection.create_function("reseal", 3, reseal, deterministic=True)
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        return connection

    def _prepare(self, sums: PageSums | None) -> None:
        if sums is not None:
            self.execute(f"PRAGMA page_size={PAGE}")
            self.execute("PRAGMA wal_autocheckpoint=0")
            if is_network(self._live_path()) if self._alone is None else self._alone:
                self.execute("PRAGMA locking_mode=EXCLUSIVE")
        (version,) = self.execute("PRAGMA user_version").fetchone()
        (application,) = self.execute("PRAGMA application_id").fetchone()
        (tables,) = self.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != APPLICATION_ID:
            raise JournalError(f"{self.path} is not a podlog journal; choose another log_path")
        if version > VERSION:
            raise JournalError(newer(self.path, version))
        if self._read_only and not tables:
            raise JournalError(f"journal {self.path} is empty: no coordinator has begun it yet")
        if self._read_only:
            return
        if self.path is not None:
            self.execute("PRAGMA journal_mode=WAL")
            self.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'NORMAL'}")
            self.execute("PRAGMA secure_delete=ON")
        if not tables:
            self._live().executescript(
                f"BEGIN; {' '.join(table.create for table in TABLES)} {INDEXES}"
                f" PRAGMA application_id={APPLICATION_ID};"
                f" PRAGMA user_version={VERSION}; COMMIT;"
            )
        self._sums = sums
        self.checkpoint()

    def _advice(self, error: Exception) -> str:
        if not self._read_only:
            return "move it away or change log_path"
        if "locked" in str(error):
            return "on a network file system only the coordinator reads a live journal: wait for it"
        return "name the log_path of a run; if its folder is read-only, copy it"

    def _longer(self) -> int:
        """When to try again: the whole log is read each time, so not after a fixed length."""
        size = wal_size(self._live_path())
        return size + max(WAL_BYTES, size // 2)

    def _live_path(self) -> Path:
        assert self.path is not None
        return self.path

    def _live(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"journal {self.path} is closed")
        return self._connection

    def _discard(self) -> None:
        if self._connection is not None:
            # Closing copies what the log still holds.
            if self._sums is not None and not self._sum_log():
                self._sums.remove()
            self._connection.close()
            self._connection = None


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sums_of(path: Path) -> PageSums:
    """The sums of a journal that is about to be opened; made if there are none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sums = PageSums(path)
    if sums.missing and (header(path) or (0, 0))[0] == APPLICATION_ID:
        sums.build()
    return sums

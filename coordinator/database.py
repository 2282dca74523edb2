"""The SQLite file under the journal: opening, transactions, sealed blobs, settling."""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import crc32c

from ..proto.errors import JournalError

_log = logging.getLogger(__name__)

VERSION = 1
_APPLICATION_ID = 0x706F646C  # "podl"

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE acks (incarnation INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE processes (
  incarnation INTEGER PRIMARY KEY, process INTEGER NOT NULL,
  data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE attempts (
  number INTEGER PRIMARY KEY, job_id TEXT NOT NULL, restores INTEGER NOT NULL,
  started REAL NOT NULL, restored_at INTEGER, UNIQUE (job_id, restores));
CREATE TABLE schemas (id INTEGER PRIMARY KEY, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE records (
  incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, attempt INTEGER NOT NULL,
  mode TEXT NOT NULL, step INTEGER NOT NULL, kind INTEGER NOT NULL,
  row_n INTEGER, data BLOB NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (incarnation, seq)) WITHOUT ROWID;
CREATE INDEX records_by_row ON records (attempt, mode, step, kind, row_n);
CREATE TABLE rows (
  id INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, mode TEXT NOT NULL,
  step INTEGER NOT NULL, kind INTEGER NOT NULL, n INTEGER NOT NULL,
  revision INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL,
  UNIQUE (attempt, mode, step, kind, n, revision));
CREATE TABLE details (
  id INTEGER PRIMARY KEY, keep INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE events (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE configs (id INTEGER PRIMARY KEY, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE lines (id INTEGER PRIMARY KEY AUTOINCREMENT, process INTEGER NOT NULL,
  time REAL NOT NULL, step INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE cursors (tool TEXT PRIMARY KEY, id INTEGER NOT NULL,
  data BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE verdicts (
  chapter INTEGER PRIMARY KEY, status TEXT NOT NULL, final INTEGER NOT NULL,
  waiting_for TEXT NOT NULL, root_cause TEXT NOT NULL);
"""

_SEALED = {
    "processes": "incarnation",
    "schemas": "id",
    "records": "incarnation || ':' || seq",
    "rows": "id",
    "details": "id",
    "events": "id",
    "configs": "id",
    "lines": "id",
    "cursors": "tool",
}


def seal(data: bytes) -> tuple[bytes, int]:
    """A blob and its CRC-32C, as the two columns ``data, crc``."""
    return data, crc32c.crc32c(data)


def intact(data: Any, crc: Any) -> bool:
    """Whether ``data`` is still what was sealed."""
    return isinstance(data, bytes) and crc32c.crc32c(data) == crc


def signed(number: int) -> int:
    """A 64-bit id as the signed integer that SQLite can hold."""
    return number - (1 << 64) if number >= 1 << 63 else number


def unsigned(number: int) -> int:
    """The 64-bit id that `signed` was given."""
    return number % (1 << 64)


def unseal(what: str, data: Any, crc: Any) -> bytes:
    """The blob, checked.

    Raises:
        JournalError: the bytes changed since they were written.
    """
    if not intact(data, crc):
        raise JournalError(
            f"journal: {what} is damaged (its checksum is wrong); `podlog audit` lists what is"
        )
    return bytes(data)


class Database:
    """One connection to a journal file, or to memory.

    Not thread-safe: it has one owner at a time. Statements outside
    `transaction` commit by themselves.

    Args:
        path: the file, made with its folder if it is not there; None: memory.
        read_only: never writes; the file must exist.

    Raises:
        JournalError: the file is missing, damaged, not a journal, or newer.
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._connection: sqlite3.Connection | None = None
        try:
            self._connection = self._open()
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            self._discard()
            raise JournalError(
                f"journal {path} cannot be opened ({error}); move it away or change log_path"
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

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block is committed at its end, or nothing if it raises."""
        connection = self._live()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def check(self) -> list[str]:
        """What is wrong with the file: SQLite's own check, then every checksum."""
        try:
            found = [str(row[0]) for row in self.execute("PRAGMA integrity_check")]
            problems = [f"sqlite: {text}" for text in found if text != "ok"]
            for table, name in _SEALED.items():
                blobs = self.execute(f"SELECT {name}, data, crc FROM {table}")
                problems += [
                    f"{table} {i}: wrong checksum"
                    for i, data, crc in blobs
                    if not intact(data, crc)
                ]
        except sqlite3.Error as error:
            return [f"sqlite: {error}"]
        return problems

    def close(self) -> None:
        """Leaves one self-contained file, unless somebody still reads it; safe twice."""
        if self._connection is None:
            return
        if not self._read_only and self.path is not None:
            try:
                self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self.execute("PRAGMA journal_mode=DELETE")
            except sqlite3.Error as error:
                _log.warning("journal %s keeps its -wal file: %s", self.path, error)
        self._discard()

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            where = "file::memory:"
        elif self._read_only:
            where = self.path.resolve().as_uri() + "?mode=ro"
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            where = self.path.resolve().as_uri()
        connection = sqlite3.connect(
            where, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        return connection

    def _prepare(self) -> None:
        (version,) = self.execute("PRAGMA user_version").fetchone()
        (application,) = self.execute("PRAGMA application_id").fetchone()
        (tables,) = self.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != _APPLICATION_ID:
            raise JournalError(f"{self.path} is not a podlog journal; choose another log_path")
        if version > VERSION:
            raise JournalError(
                f"journal {self.path} has format {version}, this podlog knows up to {VERSION}; "
                "use the podlog that wrote it, or a newer one"
            )
        if self._read_only:
            return
        if self.path is not None:
            self.execute("PRAGMA journal_mode=WAL")
            self.execute("PRAGMA synchronous=NORMAL")
        if not tables:
            self._live().executescript(
                f"BEGIN; {_TABLES} PRAGMA application_id={_APPLICATION_ID};"
                f" PRAGMA user_version={VERSION}; COMMIT;"
            )

    def _live(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"journal {self.path} is closed")
        return self._connection

    def _discard(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

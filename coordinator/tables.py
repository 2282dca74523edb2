"""The journal's tables, and the checksum that ends each of their rows.

The CRC-32C of a row covers the table's name and every column. So a change of
any value is noticed, a row that is found alone says which table it is of, and
one that stands where another should be is not taken for it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import crc32c


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        name: its name.
        columns: ``name TYPE``, those of the key first; the checksum is not among them.
        key: how many columns the key has; one INTEGER column is the rowid.
        rules: further constraints, in SQL.
        loose: the column that is set later, by itself; "": none.
    """

    name: str
    columns: tuple[str, ...]
    key: int = 1
    rules: str = ""
    loose: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.split()[0] for column in self.columns)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of the columns: INTEGER, REAL, TEXT or BLOB."""
        return tuple(column.split()[1] for column in self.columns)

    @property
    def by_rowid(self) -> bool:
        """Whether the key is SQLite's own number of the row."""
        return self.key == 1 and self.types[0] == "INTEGER"

    @property
    def create(self) -> str:
        """The SQL that makes the table."""
        columns = [f"{self.columns[0]} PRIMARY KEY" if self.by_rowid else self.columns[0]]
        columns += [*self.columns[1:], "crc INTEGER NOT NULL"]
        if not self.by_rowid:
            columns.append(f"PRIMARY KEY ({', '.join(self.names[: self.key])})")
        if self.rules:
            columns.append(self.rules)
        tail = "" if self.by_rowid else " WITHOUT ROWID"
        return f"CREATE TABLE {self.name} ({', '.join(columns)}){tail};"


TABLES = (
    Table("meta", ("key TEXT", "value TEXT")),
    Table("acks", ("incarnation INTEGER", "seq INTEGER")),
    Table("made", ("incarnation INTEGER", "made INTEGER")),
    Table("losses", ("incarnation INTEGER", "first INTEGER", "last INTEGER", "cause TEXT"), 3),
    Table("processes", ("incarnation INTEGER", "process INTEGER", "data BLOB")),
    Table("members", ("job_id TEXT", "process INTEGER", "data TEXT"), 2),
    Table(
        "attempts",
        (
            "number INTEGER",
            "job_id TEXT",
            "restores INTEGER",
            "started REAL",
            "restored_at INTEGER",
            "processes INTEGER",
        ),
        rules="UNIQUE (job_id, restores)",
    ),
    Table("schemas", ("id INTEGER", "data BLOB")),
    Table(
        "records",
        (
            "incarnation INTEGER",
            "seq INTEGER",
            "attempt INTEGER",
            "mode TEXT",
            "step INTEGER",
            "kind INTEGER",
            "row_n INTEGER",
            "data BLOB",
        ),
        2,
        loose="row_n",
    ),
    Table(
        "rows",
        (
            "id INTEGER",
            "attempt INTEGER",
            "mode TEXT",
            "kind INTEGER",
            "step INTEGER",
            "n INTEGER",
            "revision INTEGER",
            "data BLOB",
        ),
        rules="UNIQUE (attempt, mode, kind, step, n, revision)",
    ),
    Table("details", ("id INTEGER", "keep INTEGER", "data BLOB")),
    Table("events", ("id INTEGER", "name TEXT", "data BLOB")),
    Table("configs", ("id INTEGER", "data BLOB")),
    Table(
        "lines",
        ("id INTEGER", "process INTEGER", "time REAL", "step INTEGER", "data BLOB"),
    ),
    Table("cursors", ("tool TEXT", "id INTEGER", "told INTEGER", "data BLOB")),
    Table(
        "verdicts",
        (
            "chapter INTEGER",
            "status TEXT",
            "final INTEGER",
            "waiting_for TEXT",
            "root_cause TEXT",
            "job_id TEXT",
        ),
    ),
)

BY_NAME = {table.name: table for table in TABLES}

INDEXES = "CREATE INDEX records_by_row ON records (attempt, mode, step, kind, row_n);"

_LOOSE = {table.name: table.names.index(table.loose) for table in TABLES if table.loose}


def checksum(table: str, values: Sequence[Any]) -> int:
    """The CRC-32C of a row: of its table's name and of all its values."""
    at = _LOOSE.get(table)
    if at is not None:
        fixed = (*values[:at], *values[at + 1 :])
        return _crc(table, fixed) ^ _loose_crc(values[at])
    return _crc(table, values)


def seal(table: str, *values: Any) -> tuple[Any, ...]:
    """A row ready to be stored: its values, and their checksum."""
    return (*values, checksum(table, values))


def intact(table: str, row: Sequence[Any]) -> bool:
    """Whether a row is still what was sealed."""
    return bool(checksum(table, row[:-1]) == row[-1])


def reseal(crc: Any, old: Any, new: Any) -> Any:
    """The checksum of a row whose loose column goes from `old` to `new`."""
    return crc ^ _loose_crc(old) ^ _loose_crc(new) if isinstance(crc, int) else crc


def _crc(table: str, values: Sequence[Any]) -> int:
    text: list[Any] = [table]
    blobs: list[bytes] = []
    for value in values:
        (blobs if isinstance(value, bytes) else text).append(value)
    crc: int = crc32c.crc32c(ascii(text).encode())
    for blob in blobs:
        crc = crc32c.crc32c(blob, crc)
    return crc


def _loose_crc(value: Any) -> int:
    crc: int = crc32c.crc32c(ascii(value).encode())
    return crc

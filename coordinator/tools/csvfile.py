"""A CSV file whose columns may grow while rows are appended."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .linefile import LineFile

_QUOTED = frozenset(',"\n\r')


class CsvFile:
    """Rows under columns that keep their order; new ones are added at the right.

    A missing value is an empty cell, NaN is ``nan``, an empty text ``""``;
    floats are written so that reading gives the same bits. Arrays and other
    values that are not one cell are left out. Not thread-safe.

    Args:
        path: the file; an existing one is continued.
        fixed: the first columns of a new file.

    Attributes:
        columns: the header, in order.
        lines: the file, the header being its first record.
    """

    def __init__(self, path: Path, fixed: Sequence[str]) -> None:
        self.lines = LineFile(path, quoted=True)
        self.columns = self._found() or list(fixed)

    @property
    def rows(self) -> int:
        """Number of rows, the header not counted."""
        return max(0, self.lines.count - 1)

    def widen(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds the columns that `rows` need; rewrites the file if it has any rows."""
        added = self._missing(rows)
        if self.lines.count and not added:
            return
        columns = self.columns + added
        if self.lines.count:
            old = iter(self.lines.records())
            next(old)
            padding = b"," * len(added) + b"\n"
            self.lines.replace(_chain(_header(columns), (line[:-1] + padding for line in old)))
        else:
            self.lines.append(_header(columns), 1)
        self.columns = columns

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds rows whose columns are there; see `widen`."""
        self.lines.append(b"".join(_line(row, self.columns) for row in rows), len(rows))

    def keep(self, rows: int) -> None:
        """Cuts everything behind the first `rows` rows."""
        self.lines.keep(rows + 1)

    def rebuild(
        self, rows: Iterable[Mapping[str, Any]], fresh: Iterable[Mapping[str, Any]]
    ) -> None:
        """Writes the file anew, in one step; the columns that are there keep their places.

        Args:
            rows: all of them.
            fresh: those of them that may bring columns.
        """
        columns = self.columns + self._missing(fresh)
        self.lines.replace(_chain(_header(columns), (_line(row, columns) for row in rows)))
        self.columns = columns

    def _found(self) -> list[str]:
        first = next(iter(self.lines.records()), b"")
        return next(csv.reader(io.StringIO(first.decode(errors="replace"), newline="")), [])

    def _missing(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """The columns that `rows` need and the file has not."""
        known = set(self.columns)
        names = (name for row in rows for name, value in row.items() if cell(value) is not None)
        return [name for name in dict.fromkeys(names) if name not in known]


def cell(value: Any) -> str | None:
    """The text of a cell; None for what a cell cannot hold."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return float.__repr__(value)
    return str(value) if isinstance(value, bool | int) else None


def _header(columns: Sequence[str]) -> bytes:
    return _record(_text(name) for name in columns)


def _line(row: Mapping[str, Any], columns: Sequence[str]) -> bytes:
    return _record(cell(row.get(name)) or "" for name in columns)


def _text(text: str) -> str:
    if text and text.strip() == text and _QUOTED.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _record(cells: Iterable[str]) -> bytes:
    return ",".join(cells).encode("utf-8", "backslashreplace") + b"\n"


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterable[bytes]:
    yield first
    yield from rest

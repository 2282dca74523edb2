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
        self.columns = self._header() or list(fixed)

    @property
    def rows(self) -> int:
        """Number of rows, the header not counted."""
        return max(0, self.lines.count - 1)

    def widen(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds the columns that `rows` need; rewrites the file if it has any rows."""
        known = set(self.columns)
        names = (name for row in rows for name, value in row.items() if cell(value) is not None)
        added = [name for name in dict.fromkeys(names) if name not in known]
        if self.lines.count and not added:
            return
        columns = self.columns + added
        header = _record(_text(name) for name in columns)
        if self.lines.count:
            old = iter(self.lines.records())
            next(old)
            padding = b"," * len(added) + b"\n"
            self.lines.replace(_chain(header, (record[:-1] + padding for record in old)))
        else:
            self.lines.append(header, 1)
        self.columns = columns

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds rows whose columns are there; see `widen`."""
        self.lines.append(b"".join(self._line(row) for row in rows), len(rows))

    def keep(self, rows: int) -> None:
        """Cuts everything behind the first `rows` rows."""
        self.lines.keep(rows + 1)

    def substitute(self, rows: Mapping[int, Mapping[str, Any]]) -> None:
        """Puts other rows in the places of those with these numbers, from 0."""
        self.widen(rows.values())
        old = iter(self.lines.records())
        header = next(old)
        changed = (self._line(rows[at]) if at in rows else record for at, record in enumerate(old))
        self.lines.replace(_chain(header, changed))

    def _header(self) -> list[str]:
        first = next(iter(self.lines.records()), b"")
        return next(csv.reader(io.StringIO(first.decode(errors="replace"), newline="")), [])

    def _line(self, row: Mapping[str, Any]) -> bytes:
        return _record(cell(row.get(name)) or "" for name in self.columns)


def cell(value: Any) -> str | None:
    """The text of a cell; None for what a cell cannot hold."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return float.__repr__(value)
    return str(value) if isinstance(value, bool | int) else None


def _text(text: str) -> str:
    if text and text.strip() == text and _QUOTED.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _record(cells: Iterable[str]) -> bytes:
    return ",".join(cells).encode("utf-8", "backslashreplace") + b"\n"


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterable[bytes]:
    yield first
    yield from rest

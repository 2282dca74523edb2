"""The CSV file and its JSONL twin that hold the rows of one mode."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...proto.floats import float_of
from .csvfile import CsvFile
from .linefile import LineFile
from .paths import set_aside
from .rowjson import INFO, dump_line, key_of

JsonRow = Mapping[str, Any]

_NAMES = (("metrics_", ".csv"), ("metrics_", ".jsonl"), ("late_", ".jsonl"))

_LONGEST = 160
"""Longer names are cut, since file systems allow 255 bytes."""

_CUT = "%~"
"""Marks a cut name: no quoted name holds it."""


def file_stem(mode: str) -> str:
    """A file name's part for `mode`: itself if it is plain, else percent-encoded.

    Unequal modes get unequal names. A very long one is cut and ends in a hash
    of the whole.
    """
    stem = quote(mode, safe=" =+,@()[]", errors="backslashreplace")
    if len(stem) <= _LONGEST:
        return stem
    digest = hashlib.sha256(mode.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return stem[:_LONGEST] + _CUT + digest


class ModeFiles:
    """``metrics_<mode>.csv`` and ``.jsonl``, row by row the same. Not thread-safe.

    Late revisions wait in ``late_<mode>.jsonl`` until `settle` puts them in
    the places of the rows that they revise. Of the two, the JSONL file is
    changed first: the CSV file can be made from it again.

    Args:
        folder: where the files lie.
        stem: the mode's part of their names.
        fixed: the first CSV columns.
    """

    def __init__(self, folder: Path, stem: str, fixed: Sequence[str]) -> None:
        self._fixed = fixed
        self._csv = CsvFile(folder / f"metrics_{stem}.csv", fixed)
        self._json = LineFile(folder / f"metrics_{stem}.jsonl")
        self._late = LineFile(folder / f"late_{stem}.jsonl")

    @staticmethod
    def stems(folder: Path) -> list[str]:
        """The modes' parts of the names of all files there are."""
        return sorted(
            {
                path.name.removeprefix(prefix).removesuffix(path.suffix)
                for prefix, suffix in _NAMES
                for path in folder.glob(f"{prefix}*{suffix}")
            }
        )

    @property
    def position(self) -> tuple[int, int]:
        """Number of rows and of late revisions."""
        return self._json.count, self._late.count

    def prepare(self, rows: Sequence[JsonRow]) -> None:
        """Makes the CSV file fit for `rows`: as long as its twin, with their columns."""
        if self._csv.rows != self._json.count:
            self._rebuild()
        if rows:
            self._csv.widen([plain(row) for row in rows])

    def append(self, rows: Sequence[JsonRow], late: Sequence[JsonRow]) -> None:
        """Adds rows that `prepare` saw, and late revisions."""
        if rows:
            self._json.append(_lines(rows), len(rows))
            self._csv.append([plain(row) for row in rows])
        if late:
            self._late.append(_lines(late), len(late))

    def marks(self) -> list[tuple[int, int]]:
        """Where the files end now, for `cut_to`."""
        return [file.mark() for file in self._files()]

    def cut_to(self, marks: Sequence[tuple[int, int]]) -> None:
        """Takes back what was appended since `marks`."""
        for file, mark in zip(self._files(), marks, strict=True):
            file.cut_to(mark)

    def keep(self, rows: int, late: int) -> None:
        """Goes back to a former `position`, or to behind the `settle` that followed it."""
        if late and not self._late.count:
            return
        if self._csv.rows <= self._json.count:  # else not ours: `prepare` sets it aside
            self._csv.keep(rows)
        self._json.keep(rows)
        self._late.keep(late)
        if not late:
            self._late.remove()

    def settle(self) -> None:
        """Puts the late revisions in their places; those of unknown rows at the end.

        Killed in between, it can be done again: the late file goes last.
        """
        if self._late.count:
            late = {identity(row): row for row in map(json.loads, self._late.records())}
            revised = list(late.values())
            self._json.replace(_revised(self._json.records(), late))
            self._rebuild(revised)
            self._late.remove()
        self.prepare([])

    def set_aside(self) -> None:
        """Renames the files, which another run left there."""
        self.close()
        for file in self._files():
            if file.path.exists():
                set_aside(file.path)

    def remove(self) -> None:
        """Deletes the files."""
        for file in self._files():
            file.remove()

    def close(self) -> None:
        """Closes the files; they open again when needed."""
        for file in self._files():
            file.close()

    def _files(self) -> tuple[LineFile, LineFile, LineFile]:
        return self._csv.lines, self._json, self._late

    def _rebuild(self, fresh: Sequence[JsonRow] | None = None) -> None:
        """Makes the CSV file from its twin; only rows of `fresh` may bring columns."""
        path = self._csv.lines.path
        if self._csv.rows > self._json.count and path.exists():
            self._csv.lines.close()
            set_aside(path)
            self._csv, fresh = CsvFile(path, self._fixed), None
        bringing = self._rows() if fresh is None else map(plain, fresh)
        self._csv.rebuild(self._rows(), bringing)

    def _rows(self) -> Iterator[dict[str, Any]]:
        return (plain(json.loads(line)) for line in self._json.records())


def identity(row: JsonRow) -> tuple[Any, ...] | None:
    """Which row of its mode a JSON row is; None if it does not say."""
    info = row.get(INFO)
    return info and (info["attempt"], info["step"], info["kind"], info["n"])


def plain(row: JsonRow) -> dict[str, Any]:
    """The step, epoch and metrics of a JSON row as Python values, for the CSV file."""
    return {
        key_of(name): float_of(value) if isinstance(value, str) else value
        for name, value in row.items()
        if name != INFO
    }


def _lines(rows: Sequence[JsonRow]) -> bytes:
    return b"".join(dump_line(row) for row in rows)


def _revised(lines: Iterator[bytes], late: dict[Any, JsonRow]) -> Iterator[bytes]:
    """The lines, each late row in the place of the one that it revises; takes it out of `late`."""
    for line in lines:
        row = late.pop(identity(json.loads(line)), None)
        yield line if row is None else dump_line(row)
    yield from map(dump_line, late.values())

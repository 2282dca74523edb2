"""Reads rows out of single pages of an SQLite file, whatever became of the others.

Only what a row of the journal can be in is read: leaves of tables, and pages of
tables without rowid. Nothing of it is believed: a row's own checksum decides.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

from .tables import TABLES, Table, intact
from .walfile import PAGE

GetPage = Callable[[int], bytes]
Found = tuple[Table | None, tuple[Any, ...]]

_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER = 13, 10, 2
_KINDS = {_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER}
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_SPOILT = (IndexError, ValueError, struct.error)
_TABLES: dict[tuple[bool, int], list[tuple[Table, set[int]]]] = {}
"""Which tables a row can be of, by whether it has a rowid, and how many columns it has."""
for _table in TABLES:
    _reals = {at for at, kind in enumerate(_table.types) if kind == "REAL"}
    _key = (_table.by_rowid, len(_table.columns) + 1)
    _TABLES.setdefault(_key, []).append((_table, _reals))

_ENTRY_WIDTHS = {3, 7}
"""Columns of the entries of our indexes, which have no checksum."""


def rows_of(number: int, page: bytes, get: GetPage) -> Iterator[Found]:
    """The rows on a page, each with its table; None where one cannot be read.

    Args:
        number: the page's number, from 1; the first holds SQLite's own list of tables.
        page: its bytes; too few of them hold nothing.
        get: gives another page, for values that go on there; b"" if there is none.
    """
    if len(page) < PAGE or number == 1 or page[0] not in _KINDS:
        return
    kind = page[0]
    first = 12 if kind == _INDEX_INNER else 8
    count = min(int.from_bytes(page[3:5], "big"), (PAGE - first) // 2)
    for at in struct.unpack_from(f">{count}H", page, first):
        try:
            rowid, values = _cell(page, at, kind, get)
        except _SPOILT:
            yield None, ()
            continue
        table, row = _identify(rowid, values)
        if table is not None or kind == _TABLE_LEAF or len(values) not in _ENTRY_WIDTHS:
            yield table, row


def _identify(rowid: int | None, values: tuple[Any, ...]) -> Found:
    """The row as SQL shows it, with its table: with its rowid, and REAL where declared."""
    full = values if rowid is None else (rowid, *values[1:])
    for table, reals in _TABLES.get((rowid is not None, len(full)), ()):
        row = full
        if reals:
            row = tuple(
                float(v) if at in reals and isinstance(v, int) else v for at, v in enumerate(full)
            )
        if intact(table.name, row):
            return table, row
    return None, ()


def _cell(page: bytes, at: int, kind: int, get: GetPage) -> tuple[int | None, tuple[Any, ...]]:
    if kind == _INDEX_INNER:
        at += 4
    size, at = _varint(page, at)
    rowid = None
    if kind == _TABLE_LEAF:
        rowid, at = _varint(page, at)
    return rowid, _record(_payload(page, at, size, kind, get))


def _payload(page: bytes, at: int, size: int, kind: int, get: GetPage) -> bytes:
    least = (PAGE - 12) * 32 // 255 - 23
    most = PAGE - 35 if kind == _TABLE_LEAF else (PAGE - 12) * 64 // 255 - 23
    if size <= most:
        if at + size > PAGE:
            raise ValueError("a cell beyond its page")
        return page[at : at + size]
    here = least + (size - least) % (PAGE - 4)
    here = here if here <= most else least
    parts = [page[at : at + here]]
    (following,) = struct.unpack_from(">I", page, at + here)
    left = size - here
    while left > 0:
        more = get(following)
        if len(more) < PAGE:
            raise ValueError("a value that goes on in a missing page")
        parts.append(more[4 : 4 + min(left, PAGE - 4)])
        left -= PAGE - 4
        (following,) = struct.unpack_from(">I", more)
    return b"".join(parts)


def _record(data: bytes) -> tuple[Any, ...]:
    end, at = _varint(data, 0)
    if end > len(data):
        raise ValueError("a row's header beyond the row")
    kinds = []
    while at < end:
        kind, at = _varint(data, at)
        kinds.append(kind)
    values = []
    at = end
    for kind in kinds:
        value, at = _value(data, at, kind)
        values.append(value)
    if at != len(data):
        raise ValueError("a row of another length")
    return tuple(values)


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    if kind == 7:
        return struct.unpack_from(">d", data, at)[0], at + 8
    size = _INTEGERS.get(kind, (kind - 12) // 2)
    piece = data[at : at + size]
    if size < 0 or len(piece) < size:
        raise ValueError("a value beyond its row")
    if kind in _INTEGERS:
        return int.from_bytes(piece, "big", signed=True), at + size
    return (piece.decode("utf-8", "replace") if kind % 2 else piece), at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for i in range(8):
        byte = data[at + i]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + i + 1
    number = number << 8 | data[at + 8]
    return number - (1 << 64 if number >= 1 << 63 else 0), at + 9

"""The newest rows as they were added, so that feeds need not read them back."""

import collections
import dataclasses

from ..proto.rows import Row

ROWS = 256
NUMBERS = 100_000
"""At most so many rows, and so many numbers in all of them together."""

_PLAIN = {float, int, bool, str, type(None)}


class NewestRows:
    """Keeps rows whose values are all scalars. Not thread-safe.

    Each row it hands out has mappings of its own, as one read from the file has:
    what a tool does to them no other tool sees.
    """

    def __init__(self) -> None:
        self._rows: collections.OrderedDict[int, tuple[Row, int]] = collections.OrderedDict()
        self._numbers = 0

    def add(self, row: Row) -> None:
        """Keeps a row by its id, or what it is now; it must not be changed any more."""
        self._drop(row.id)
        if not _plain(row):
            return
        numbers = 3 * len(row.metrics) + sum(map(len, row.per_process.values()))
        self._rows[row.id] = (row, numbers)
        self._numbers += numbers
        while len(self._rows) > ROWS or self._numbers > NUMBERS:
            self._drop(next(iter(self._rows)))

    def get(self, number: int) -> Row | None:
        """The row with this id, if it is still kept."""
        kept = self._rows.get(number)
        return None if kept is None else _own(kept[0])

    def _drop(self, number: int) -> None:
        _, numbers = self._rows.pop(number, (None, 0))
        self._numbers -= numbers


def _plain(row: Row) -> bool:
    values = [*row.metrics.values(), *(row.shown or {}).values()]
    for held in row.per_process.values():
        values += held.values()
    return _PLAIN.issuperset(map(type, values))


def _own(row: Row) -> Row:
    return dataclasses.replace(
        row,
        metrics=dict(row.metrics),
        shown=None if row.shown is None else dict(row.shown),
        spreads=dict(row.spreads),
        per_process={key: dict(held) for key, held in row.per_process.items()},
    )

"""Rows of one (mode, kind) that were given out: what late records belong to."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import TypeVar

from ...proto.records import Kind, Record
from ...proto.rows import RowKey
from .hostrows import Key, keys_of
from .peer import Order

ROWS = 16384
"""So many rows of each (mode, kind) are remembered."""

T = TypeVar("T")

Call = tuple[int, int, int]
"""Process, call number, incarnation."""


def calls_of(records: Sequence[Record]) -> frozenset[Call]:
    """Which calls made `records`."""
    return frozenset((r.process, r.draft.n, r.incarnation) for r in records)


def joins_of(kind: Kind, records: Sequence[Record]) -> frozenset[Key]:
    """What late host records can join `records` through; nothing for other kinds."""
    if kind is not Kind.HOST:
        return frozenset()
    return frozenset(key for record in records for key in keys_of(record))


@dataclasses.dataclass(slots=True, eq=False)
class Given:
    """A row that was given out.

    Attributes:
        complete: nobody could add to it any more.
        queued: it waits among the incomplete ones.
    """

    key: RowKey
    order: Order
    revision: int
    calls: frozenset[Call]
    keys: frozenset[Key]
    missing: frozenset[int]
    absent: frozenset[int]
    complete: bool = False
    queued: bool = False

    @property
    def processes(self) -> frozenset[int]:
        """Who is in it."""
        return frozenset(process for process, _, _ in self.calls)


@dataclasses.dataclass(slots=True)
class _Step:
    """The remembered rows of one step."""

    next_n: int = 0
    by_n: dict[int, Given] = dataclasses.field(default_factory=dict)
    by_key: dict[Key, list[Given]] = dataclasses.field(default_factory=dict)


class GivenRows:
    """Remembers the last `ROWS` rows. Not thread-safe."""

    def __init__(self) -> None:
        self._rows: collections.deque[Given] = collections.deque()
        self._steps: dict[int, _Step] = {}
        self._lives: dict[int, set[int]] = {}
        self._shared: dict[frozenset[object], frozenset[object]] = {}
        self._forgotten_step: int | None = None
        self._forgotten_n = 0

    def add(self, row: Given) -> None:
        """Remembers a row; equal sets of neighbours are kept once."""
        row.calls = self._share(row.calls)
        row.keys = self._share(row.keys)
        at = self._steps.setdefault(row.key.step, _Step())
        at.next_n = max(at.next_n, row.key.n + 1)
        at.by_n[row.key.n] = row
        self._index(at, row)
        self._rows.append(row)
        if len(self._rows) > ROWS:
            self._forget(self._rows.popleft())

    def extend(self, row: Given, records: Sequence[Record]) -> None:
        """Late records make the next revision of a row."""
        row.calls |= calls_of(records)
        row.keys |= joins_of(row.key.kind, records)
        there = {record.process for record in records}
        row.missing -= there
        row.absent -= there
        row.revision += 1
        at = self._steps.get(row.key.step)
        if at is not None and at.by_n.get(row.key.n) is row:
            self._index(at, row)

    def next_n(self, step: int) -> int:
        """A number that no host row at `step` has had."""
        at = self._steps.get(step)
        n = 0 if at is None else at.next_n
        if self._forgotten_step is not None and step <= self._forgotten_step:
            return max(n, self._forgotten_n)
        return n

    def find(self, record: Record) -> Given | None:
        """The row that a late record belongs to; None: to none of those remembered."""
        at = self._steps.get(record.draft.step)
        if at is None:
            return None
        if record.kind is not Kind.HOST:
            return at.by_n.get(record.draft.n)

        process, n, life = record.process, record.draft.n, record.incarnation
        if self._lives.get(process, set()) - {life}:
            for row in at.by_n.values():
                if any(c[0] == process and c[1] == n and c[2] != life for c in row.calls):
                    return row
        found = {
            row.key.n: row
            for key in keys_of(record)
            for row in at.by_key.get(key, ())
            if process not in row.processes
        }
        return found[min(found)] if found else None

    def clear(self) -> None:
        """Forgets all; numbers of host rows are still not given again."""
        while self._rows:
            self._forget(self._rows.popleft())
        self._lives.clear()
        self._shared.clear()

    def __len__(self) -> int:
        return len(self._rows)

    def _index(self, at: _Step, row: Given) -> None:
        for process, _, life in row.calls:
            self._lives.setdefault(process, set()).add(life)
        for key in row.keys:
            rows = at.by_key.setdefault(key, [])
            if row not in rows:
                rows.append(row)

    def _forget(self, row: Given) -> None:
        step = row.key.step
        at = self._steps[step]
        del at.by_n[row.key.n]
        for key in row.keys:
            at.by_key[key].remove(row)
            if not at.by_key[key]:
                del at.by_key[key]
        if not at.by_n:
            del self._steps[step]
            known = self._forgotten_step
            self._forgotten_step = step if known is None else max(step, known)
            self._forgotten_n = max(self._forgotten_n, at.next_n)

    def _share(self, value: frozenset[T]) -> frozenset[T]:
        if len(self._shared) > 256:
            self._shared.clear()
        return self._shared.setdefault(value, value)  # type: ignore[return-value]

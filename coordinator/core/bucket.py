"""Records that wait to become a row: of one call, or of one step's host calls."""

import collections
import dataclasses
from collections.abc import Collection, Mapping

from ...proto.records import Record
from .hostrows import host_rows
from .peer import Order


@dataclasses.dataclass(slots=True)
class Bucket:
    """One open row; for host records, all open rows of a step.

    Attributes:
        order: its place in its (mode, kind).
        opened: number of arrival of its first record.
        first: monotonic seconds at which it came.
        counted: by process, `Peer.counted` at that time.
        host: whether its records make several rows.
        records: in order of arrival.
        calls: number of records by process.
    """

    order: Order
    opened: int
    first: float
    counted: Mapping[int, float]
    host: bool
    records: list[Record] = dataclasses.field(default_factory=list)
    calls: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    _rows: list[tuple[Record, ...]] | None = None

    def add(self, record: Record) -> None:
        """Takes a record."""
        self.records.append(record)
        self.calls[record.process] += 1
        self._rows = None

    def rows(self) -> list[tuple[Record, ...]]:
        """Its rows, records by process."""
        if self._rows is None:
            self._rows = host_rows(self.records) if self.host else [by_process(self.records)]
        return self._rows

    def in_all(self) -> set[int]:
        """Processes that are in every row of it."""
        return set.intersection(*({r.process for r in row} for row in self.rows()))

    def full(self, live: Collection[int]) -> bool:
        """Whether all of `live` and nobody else are in every row; false costs next to nothing."""
        if not live or len(self.records) % len(live):
            return False
        each = len(self.records) // len(live)
        if any(self.calls[process] != each for process in live):
            return False
        return not self.host or len(self.in_all()) == len(live)


def by_process(records: Collection[Record]) -> tuple[Record, ...]:
    """Records in an order that does not depend on that of arrival."""
    return tuple(sorted(records, key=lambda r: (r.process, r.draft.n, r.incarnation, r.seq)))

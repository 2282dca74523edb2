"""The rows of one (attempt, mode, kind): open, given out, late."""

import bisect
import math
from collections.abc import Collection, Iterable, Sequence

from ...proto.records import Kind, Record
from ...proto.rows import RowKey
from .attendance import Attendance
from .audience import Audience
from .bucket import Bucket, by_process
from .closing import Closing
from .given import Given, GivenRows, calls_of, joins_of
from .hostrows import host_rows
from .incomplete import Incomplete, Passed
from .peer import Order

OPEN = 16384
"""More rows of one (mode, kind) never wait: the first closes without whom it lacks."""


class RowStream:
    """Rows of one (attempt, mode, kind), given out in order. Not thread-safe.

    An attempt of an earlier job waits for its own processes, of which only spools
    are left: its rows close when they are told to.

    Args:
        audience: says which attempt, mode and kind, and who can add to it.

    Attributes:
        audience: the same.
        used: number of arrival of its newest record.
    """

    def __init__(self, audience: Audience) -> None:
        self.audience = audience
        self._at = audience.at
        self.used = 0
        self._attendance = Attendance()
        self._open: dict[tuple[int, int], Bucket] = {}
        self._orders: list[tuple[Order, tuple[int, int]]] = []
        self._frontier: Order | None = None
        self._given = GivenRows()
        self._incomplete = Incomplete(audience.blocked)
        self._late: dict[RowKey, tuple[Given, list[Record]]] = {}
        self._stale: dict[tuple[int, int], tuple[Order, list[Record]]] = {}

    # ------------------------------------------------------------------- arrivals

    def add(self, record: Record, order: Order, back: bool, now: float, arrival: int) -> None:
        """Takes a record.

        Args:
            record: of this attempt, mode and kind.
            order: its place.
            back: its process went back to it by itself.
            now: monotonic seconds.
            arrival: counts the records of all streams.
        """
        self._attendance.seen(record.process)
        if back and self._frontier is not None:
            self._frontier = min(self._frontier, order)
        self._put(record, order, now, arrival)

    def orphan(self, record: Record, now: float, arrival: int) -> None:
        """Takes a record of a dead incarnation, whose place among the others is not known."""
        n = 0 if self._at[2] is Kind.HOST else record.draft.n
        lap = 0 if self._frontier is None else self._frontier[0]
        self._put(record, (lap, record.draft.step, n), now, arrival)

    def _put(self, record: Record, order: Order, now: float, arrival: int) -> None:
        self.used = arrival
        host = self._at[2] is Kind.HOST
        where = (record.draft.step, 0 if host else record.draft.n)
        row = self._given.find(record)
        if row is not None:
            self._late.setdefault(row.key, (row, []))[1].append(record)
        elif where in self._open:
            self._open[where].add(record)
        elif self._frontier is not None and order < self._frontier:
            self._stale.setdefault(where, (order, []))[1].append(record)
        else:
            bucket = Bucket(order, arrival, now, self.audience.counted(now), host)
            bucket.add(record)
            self._open[where] = bucket
            bisect.insort(self._orders, (order, where))

    def remember(
        self, key: RowKey, revision: int, processes: Iterable[int], records: Sequence[Record]
    ) -> None:
        """Marks a row as given out by an earlier coordinator; to be told in that order."""
        order = (0, key.step, 0 if key.kind is Kind.HOST else key.n)
        calls = calls_of(records)
        held = {process for process, _, _ in calls}
        calls |= {(process, key.n, 0) for process in processes if process not in held}
        keys = joins_of(key.kind, records)
        nobody: frozenset[int] = frozenset()
        row = Given(key, order, revision, calls, keys, nobody, nobody)
        self._incomplete.before(order)
        self._given.add(row)
        self._incomplete.add(row)
        if self._frontier is None or order > self._frontier or not revision:
            self._frontier = order  # a process may have gone back by itself

    # ------------------------------------------------------------------- closing

    def take_full(self) -> list[Closing]:
        """Closes first rows that every live process is in: cheap enough for each record."""
        closings: list[Closing] = []
        while self._orders and not self.audience.ended:
            bucket = self._open[self._orders[0][1]]
            if not bucket.full(self.audience.live):
                break
            closings += self._close(frozenset())
        return closings

    def front(self, now: float, *, held: bool = False, all_: bool = False) -> int | None:
        """When the first open row was opened if it can close by now, else None.

        Args:
            now: monotonic seconds.
            held: nothing may close yet, but what there is no room for.
            all_: everything that is open shall close.
        """
        if not self._orders:
            return None
        bucket = self._open[self._orders[0][1]]
        if all_ or self._crowded:
            return bucket.opened
        if held or self.audience.ended:
            return None
        waiting = any(until > now for until in self._waits(bucket).values())
        return None if waiting else bucket.opened

    def take(self, now: float) -> list[Closing]:
        """Closes the first open row; those not past it by then were waited for in vain."""
        bucket = self._open[self._orders[0][1]]
        vain = frozenset(p for p, until in self._waits(bucket).items() if until <= now)
        return self._close(vain)

    def deadline(self, held_until: float) -> float:
        """When the first open row closes by time alone; infinite: never."""
        if self._crowded:
            return -math.inf
        if not self._orders or self.audience.ended:
            return math.inf
        waits = self._waits(self._open[self._orders[0][1]])
        return max(held_until, *waits.values(), -math.inf)

    @property
    def _crowded(self) -> bool:
        return len(self._orders) > OPEN

    def _waits(self, bucket: Bucket) -> dict[int, float]:
        """Until when the row waits for each live process neither in it nor past it."""
        waits = self.audience.waits(bucket.order, bucket.first, bucket.counted, bucket.in_all())
        return {p: -math.inf if self._attendance.hopeless(p) else t for p, t in waits.items()}

    def _close(self, vain: frozenset[int]) -> list[Closing]:
        _, where = self._orders.pop(0)
        bucket = self._open.pop(where)
        self._frontier = bucket.order
        holders = {record.process for record in bucket.records}
        closings = self._give(where, bucket.order, bucket.rows(), holders, revision=0)
        self._attendance.closed(holders, self.audience.others(holders), vain)
        return closings

    def _give(
        self,
        where: tuple[int, int],
        order: Order,
        rows: Sequence[Sequence[Record]],
        holders: Collection[int],
        *,
        revision: int,
    ) -> list[Closing]:
        """Closings of new rows, all of them at `where`; `holders` are in one or other of them."""
        attempt, mode, kind = self._at
        step, n = where
        if kind is Kind.HOST:
            n = self._given.next_n(step)
        others = self.audience.others(holders)
        absent = frozenset(p for p in others if self._attendance.absent(p))
        closings = []
        for i, records in enumerate(rows):
            row = Given(
                RowKey(attempt, mode, step, kind, n + i),
                order,
                revision,
                calls_of(records),
                joins_of(kind, records),
                others - absent,
                absent,
            )
            self._given.add(row)
            closings.append(self._closing(row, records, late=revision > 0))
        return closings

    def _closing(self, row: Given, records: Sequence[Record], *, late: bool) -> Closing:
        row.complete = row.complete or not self.audience.blocked(row.order, row.processes)
        if not row.complete:
            self._incomplete.add(row)
        return Closing(
            row.key,
            row.revision,
            tuple(records),
            tuple(sorted(row.missing)),
            tuple(sorted(row.absent)),
            late,
            row.complete,
        )

    # ---------------------------------------------------------------------- late

    @property
    def has_late(self) -> bool:
        """Whether late records wait to be given out."""
        return bool(self._late or self._stale)

    def take_late(self) -> list[Closing]:
        """Revisions of rows given out, and rows that missed their turn."""
        late, self._late = self._late, {}
        stale, self._stale = self._stale, {}
        closings = []
        for row, records in late.values():
            self._given.extend(row, records)
            closings.append(self._closing(row, by_process(records), late=True))
        for where, (order, records) in sorted(stale.items()):
            host = self._at[2] is Kind.HOST
            rows = host_rows(records) if host else [by_process(records)]
            holders = {record.process for record in records}
            closings += self._give(where, order, rows, holders, revision=1)
        return closings

    # ------------------------------------------------------------------ complete

    def take_completed(self) -> list[RowKey]:
        """Rows given out incomplete that are complete by now, in order."""
        return self._incomplete.take()

    def take_passed(self) -> Passed | None:
        """Up to where all rows are complete, if some that were not have been forgotten."""
        step = self._incomplete.take_before()
        return None if step is None else Passed(*self._at, step)

    # -------------------------------------------------------------------- memory

    @property
    def remembered(self) -> int:
        """How many rows it remembers."""
        return len(self._given)

    @property
    def idle(self) -> bool:
        """Whether nothing waits in it."""
        return not (self._orders or self.has_late)

    def shrink(self) -> None:
        """Forgets rows given out; what is late for them is one of its own, or the journal's."""
        self._given.clear()
        self._incomplete.clear()
        if self._frontier is not None:
            lap, step, n = self._frontier
            self._frontier = (lap, step, n + 1)

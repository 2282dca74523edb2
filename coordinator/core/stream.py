"""The rows of one (attempt, mode, kind): open, given out, late."""

import bisect
import collections
import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from ...proto.records import Kind, Record
from ...proto.rows import RowKey
from .attendance import Attendance
from .bucket import Bucket, by_process
from .given import ROWS, Given, GivenRows, calls_of, joins_of
from .hostrows import host_rows
from .peer import Order, Peer


@dataclasses.dataclass(frozen=True, slots=True)
class Closing:
    """A row that closes, or the next revision of one that had closed.

    Attributes:
        key: its identity; n of host rows is given here.
        revision: 0 in order; more for late ones. For a row that the clock has
            forgotten (thousands of steps ago) it starts at 1 again: the greater
            of this and the stored revision + 1 counts.
        records: its records by process; of a late one only the new records, to
            be merged with the stored ones.
        missing: processes that should be in it and are not.
        absent: processes that take no part in this (mode, kind) now.
        late: it comes after its turn.
        complete: nobody can add to it any more; its records may go.
        reopened: it had been complete before, so its records may be gone.
    """

    key: RowKey
    revision: int
    records: tuple[Record, ...]
    missing: tuple[int, ...]
    absent: tuple[int, ...]
    late: bool
    complete: bool
    reopened: bool = False


class RowStream:
    """Rows of one (attempt, mode, kind), given out in order. Not thread-safe.

    Args:
        attempt, mode, kind: what it holds.
        peers: every process, by index; shared with the clock.
        live: those that rows wait for; shared with the clock.
        timeout: how long a row waits for a process that is silent.
    """

    def __init__(
        self,
        attempt: int,
        mode: str,
        kind: Kind,
        peers: Mapping[int, Peer],
        live: Collection[int],
        timeout: float,
    ) -> None:
        self._at = (attempt, mode, kind)
        self._peers = peers
        self._live = live
        self._timeout = timeout
        self._attendance = Attendance()
        self._open: dict[tuple[int, int], Bucket] = {}
        self._orders: list[tuple[Order, tuple[int, int]]] = []
        self._frontier: Order | None = None
        self._given = GivenRows()
        self._incomplete: collections.deque[Given] = collections.deque(maxlen=ROWS)
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
        host = self._at[2] is Kind.HOST
        where = (record.draft.step, 0 if host else record.draft.n)
        if back and self._frontier is not None:
            self._frontier = min(self._frontier, order)

        row = self._given.find(record)
        if row is not None:
            self._late.setdefault(row.key, (row, []))[1].append(record)
        elif where in self._open:
            self._open[where].add(record)
        elif self._frontier is not None and order < self._frontier:
            self._stale.setdefault(where, (order, []))[1].append(record)
        else:
            counted = {process: self._peers[process].counted(now) for process in self._live}
            bucket = Bucket(order, arrival, now, counted, host)
            bucket.add(record)
            self._open[where] = bucket
            bisect.insort(self._orders, (order, where))

    def remember(
        self, key: RowKey, revision: int, processes: Iterable[int], records: Sequence[Record]
    ) -> None:
        """Marks a row as given out by an earlier coordinator."""
        order = (0, key.step, 0 if key.kind is Kind.HOST else key.n)
        calls = calls_of(records)
        held = {process for process, _, _ in calls}
        calls |= {(process, key.n, 0) for process in processes if process not in held}
        keys = joins_of(key.kind, records)
        nobody: frozenset[int] = frozenset()
        row = Given(key, order, revision, calls, keys, nobody, nobody, queued=True)
        self._given.add(row)
        self._incomplete.append(row)
        if self._frontier is None or order > self._frontier:
            self._frontier = order

    # ------------------------------------------------------------------- closing

    def take_full(self) -> list[Closing]:
        """Closes first rows that every live process is in: cheap enough for each record."""
        closings: list[Closing] = []
        while self._orders:
            bucket = self._open[self._orders[0][1]]
            if not bucket.full(self._live):
                break
            closings += self._close(frozenset())
        return closings

    def front(self, now: float) -> int | None:
        """When the first open row was opened if it can close by now, else None."""
        if not self._orders:
            return None
        bucket = self._open[self._orders[0][1]]
        waiting = any(until > now for until in self._waits(bucket).values())
        return None if waiting else bucket.opened

    def take(self, now: float) -> list[Closing]:
        """Closes the first open row; those not past it by then were waited for in vain."""
        bucket = self._open[self._orders[0][1]]
        vain = frozenset(p for p, until in self._waits(bucket).items() if until <= now)
        return self._close(vain)

    def deadline(self) -> float:
        """When the first open row closes by time alone; infinite: never."""
        if not self._orders:
            return math.inf
        waits = self._waits(self._open[self._orders[0][1]])
        return max(waits.values(), default=-math.inf)

    def _waits(self, bucket: Bucket) -> dict[int, float]:
        """Until when the row waits for each live process neither in it nor past it."""
        waits = {}
        for process in set(self._live) - bucket.in_all():
            peer = self._peers[process]
            if peer.past(*self._at, bucket.order):
                continue
            if self._attendance.hopeless(process):
                waits[process] = -math.inf
            else:
                counted = bucket.counted.get(process, 0.0)
                waits[process] = peer.patience(bucket.first, counted, self._timeout)
        return waits

    def _close(self, vain: frozenset[int]) -> list[Closing]:
        _, where = self._orders.pop(0)
        bucket = self._open.pop(where)
        self._frontier = bucket.order
        holders = {record.process for record in bucket.records}
        closings = self._give(where, bucket.order, bucket.rows(), holders, revision=0)
        self._attendance.closed(holders, self._others(holders), vain)
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
        others = self._others(holders)
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
            closings.append(self._closing(row, records, late=revision > 0, reopened=False))
        return closings

    def _closing(
        self, row: Given, records: Sequence[Record], *, late: bool, reopened: bool
    ) -> Closing:
        row.complete = reopened or self._blocker(row) is None
        if not row.complete and not row.queued:
            row.queued = True
            self._incomplete.append(row)
        return Closing(
            row.key,
            row.revision,
            tuple(records),
            tuple(sorted(row.missing)),
            tuple(sorted(row.absent)),
            late,
            row.complete,
            reopened,
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
            reopened = row.complete
            self._given.extend(row, records)
            closings.append(self._closing(row, by_process(records), late=True, reopened=reopened))
        for where, (order, records) in sorted(stale.items()):
            host = self._at[2] is Kind.HOST
            rows = host_rows(records) if host else [by_process(records)]
            holders = {record.process for record in records}
            closings += self._give(where, order, rows, holders, revision=1)
        return closings

    # ------------------------------------------------------------------ complete

    def take_completed(self) -> list[RowKey]:
        """Rows given out incomplete that are complete by now, in order."""
        done = []
        while self._incomplete and self._blocker(self._incomplete[0]) is None:
            row = self._incomplete.popleft()
            row.queued = False
            if not row.complete:
                row.complete = True
                done.append(row.key)
        return done

    def _blocker(self, row: Given) -> int | None:
        """A process that can still add to a row."""
        for process in self._others(row.processes):
            if not self._peers[process].past(*self._at, row.order):
                return process
        return None

    def _others(self, holders: Collection[int]) -> frozenset[int]:
        """Processes of the job that are not among `holders`, without those that said goodbye."""
        return frozenset(
            process
            for process, peer in self._peers.items()
            if peer.can_return and process not in holders
        )

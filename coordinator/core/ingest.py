"""Which records are new: dedup by number, order, holes.

The journal's ack number of an incarnation is the whole memory: what is at or
below it was stored or declared lost, what is beyond the next number waits for
what lies between, or for a gap that declares it lost.

For each incarnation `stored` = accepted records + numbers lost: each number is
one of both, once. A gap record that *stands in* has one of the numbers that it
declares lost; it is passed on, but counts as lost.
"""

import bisect
import dataclasses
import heapq
from collections.abc import Iterable, Mapping

from ...proto.codec import record_body
from ...proto.errors import WireError
from ...proto.records import Gap, Kind, Record

_RECORD_BYTES = 512


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """Numbers first..last of an incarnation, which are lost."""

    incarnation: int
    first: int
    last: int
    cause: str


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class _Hole:
    """What a gap declares lost; `record` is passed on with it if it stands in."""

    first: int
    last: int
    seq: int
    cause: str
    record: Record | None = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass(slots=True)
class _Incarnation:
    """What is known of one incarnation: the next number, what waits, what is lost."""

    next: int
    held: dict[int, Record] = dataclasses.field(default_factory=dict)
    held_bytes: int = 0
    holes: list[_Hole] = dataclasses.field(default_factory=list)
    overflowed: bool = False


class Ingest:
    """Accepts each record of an incarnation once and in order. Not thread-safe.

    Args:
        stored: by incarnation, the number up to which the journal holds records.
        limit: how many records of one incarnation may wait for a hole.
        limit_bytes: how much they may hold.

    Attributes:
        duplicates: records dropped because they are stored already.
        refused: records dropped because too many wait; see `overflowed`.
    """

    def __init__(
        self, stored: Mapping[int, int], limit: int = 16384, limit_bytes: int = 64 << 20
    ) -> None:
        self._incarnations = {i: _Incarnation(seq + 1) for i, seq in stored.items()}
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._losses: list[Loss] = []
        self.duplicates = 0
        self.refused = 0

    def offer(self, records: Iterable[Record]) -> list[Record]:
        """Takes records as they arrive; returns those newly accepted, in order.

        A gap record that stands in is among them if anything that it declares
        is lost; what is lost, `losses` tells.

        Raises:
            WireError: a gap record that cannot be read.
        """
        read = [(r, _hole(r) if r.kind is Kind.GAP else None) for r in records]
        accepted: list[Record] = []
        for record, hole in read:
            state = self._incarnations.setdefault(record.incarnation, _Incarnation(1))
            if hole is not None:
                self._declared(state, hole)
            if hole is None or hole.record is None:
                self._take(state, record, accepted)
            if state.held or state.holes:
                accepted += self._advance(record.incarnation, state)
        return accepted

    def declare(self, incarnation: int, first: int, last: int, cause: str) -> list[Record]:
        """Declares numbers lost that will not come; returns records that waited for that.

        What of them is stored already, or waits, is not lost.
        """
        state = self._incarnations.setdefault(incarnation, _Incarnation(1))
        heapq.heappush(state.holes, _Hole(first, last, 0, cause))
        return self._advance(incarnation, state)

    def losses(self) -> list[Loss]:
        """What turned out lost since the last call; to be stored with what was accepted."""
        losses, self._losses = self._losses, []
        return losses

    def stored(self, incarnation: int) -> int:
        """The number to acknowledge once what was accepted is committed; 0: nothing."""
        state = self._incarnations.get(incarnation)
        return 0 if state is None else state.next - 1

    def waiting(self, incarnation: int) -> int:
        """How many of its records wait for a hole to be filled."""
        state = self._incarnations.get(incarnation)
        return 0 if state is None else len(state.held)

    def overflowed(self, incarnation: int) -> bool:
        """Whether records were refused since the last call, because too many wait.

        A stream is in order: what fills the hole does not come on it any more.
        It is to be ended, so that its worker sends again from the ack number.
        """
        state = self._incarnations.get(incarnation)
        if state is None:
            return False
        found, state.overflowed = state.overflowed, False
        return found

    def _take(self, state: _Incarnation, record: Record, accepted: list[Record]) -> None:
        if record.seq == state.next:
            accepted.append(record)
            state.next += 1
        elif record.seq < state.next or record.seq in state.held:
            self.duplicates += 1
        elif self._full(state):
            self._refuse(state)
        else:
            state.held[record.seq] = record
            state.held_bytes += _weight(record)

    def _declared(self, state: _Incarnation, hole: _Hole) -> None:
        if hole.last < state.next or hole in state.holes:
            self.duplicates += hole.record is not None
        elif self._full(state):
            self._refuse(state)
        else:
            heapq.heappush(state.holes, hole)

    def _full(self, state: _Incarnation) -> bool:
        waiting = len(state.held) + len(state.holes)
        return waiting >= self._limit or state.held_bytes >= self._limit_bytes

    def _refuse(self, state: _Incarnation) -> None:
        self.refused += 1
        state.overflowed = True

    def _advance(self, incarnation: int, state: _Incarnation) -> list[Record]:
        """Moves on over what is held and what is declared lost."""
        accepted: list[Record] = []
        told: _Hole | None = None
        waiting: list[int] | None = None
        while True:
            record = state.held.pop(state.next, None)
            if record is not None:
                state.held_bytes -= _weight(record)
                accepted.append(record)
                state.next += 1
                continue
            while state.holes and state.holes[0].last < state.next:
                heapq.heappop(state.holes)
            if not state.holes or state.holes[0].first > state.next:
                return accepted
            hole = state.holes[0]
            waiting = sorted(state.held) if waiting is None else waiting
            at = bisect.bisect(waiting, state.next)
            last = hole.last if at == len(waiting) else min(hole.last, waiting[at] - 1)
            self._losses.append(Loss(incarnation, state.next, last, hole.cause))
            state.next = last + 1
            if hole.record is not None and hole is not told:
                told = hole
                accepted.append(hole.record)


def _hole(record: Record) -> _Hole:
    """What a gap record declares.

    Raises:
        WireError: it is none, or declares what comes after it.
    """
    gap = record_body(record)
    if not isinstance(gap, Gap) or not 1 <= gap.first <= min(gap.last, record.seq):
        raise WireError(f"process {record.process}, record {record.seq}: not a gap: {gap}")
    stands_in = record.seq <= gap.last
    return _Hole(gap.first, gap.last, record.seq, gap.cause, record if stands_in else None)


def _weight(record: Record) -> int:
    return _RECORD_BYTES + sum(len(v) for v in record.draft.values if isinstance(v, bytes))

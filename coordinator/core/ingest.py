"""Which records are new: dedup by number, order, holes.

The journal's ack number of an incarnation is the whole memory: what is at or
below it was stored, what is beyond the next number waits for what lies
between, or for a gap record that declares it lost.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from ...proto.codec import record_body
from ...proto.errors import WireError
from ...proto.records import Gap, Kind, Record


@dataclasses.dataclass(slots=True)
class _Incarnation:
    """What is known of one incarnation: the next number, what waits, what is lost."""

    next: int
    held: dict[int, Record] = dataclasses.field(default_factory=dict)
    gaps: list[tuple[Gap, Record]] = dataclasses.field(default_factory=list)


class Ingest:
    """Accepts each record of an incarnation once and in order. Not thread-safe.

    Args:
        stored: by incarnation, the number up to which the journal holds records.
        limit: how many records of one incarnation may wait for a hole.

    Attributes:
        duplicates: records dropped because they are stored already.
        refused: records dropped because too many wait; they come again when
            the worker reconnects.
    """

    def __init__(self, stored: Mapping[int, int], limit: int = 16384) -> None:
        self._incarnations = {i: _Incarnation(seq + 1) for i, seq in stored.items()}
        self._limit = limit
        self.duplicates = 0
        self.refused = 0

    def offer(self, records: Iterable[Record]) -> list[Record]:
        """Takes records as they arrive; returns those newly accepted, in order.

        Raises:
            WireError: a gap record that cannot be read.
        """
        accepted: list[Record] = []
        for record in records:
            state = self._incarnations.setdefault(record.incarnation, _Incarnation(1))
            if record.kind is Kind.GAP:
                self._gap(state, record)
            elif record.seq == state.next:
                accepted.append(record)
                state.next += 1
            elif record.seq < state.next or record.seq in state.held:
                self.duplicates += 1
            elif len(state.held) >= self._limit:
                self.refused += 1
            else:
                state.held[record.seq] = record
            if state.held or state.gaps:
                accepted += _advance(state)
        return accepted

    def stored(self, incarnation: int) -> int:
        """The number to acknowledge once what was accepted is committed; 0: nothing."""
        state = self._incarnations.get(incarnation)
        return 0 if state is None else state.next - 1

    def waiting(self, incarnation: int) -> int:
        """How many of its records wait for a hole to be filled."""
        state = self._incarnations.get(incarnation)
        return 0 if state is None else len(state.held)

    def _gap(self, state: _Incarnation, record: Record) -> None:
        gap = record_body(record)
        if not isinstance(gap, Gap) or not 1 <= gap.first <= gap.last:
            raise WireError(f"process {record.process}, record {record.seq}: not a gap: {gap}")

        stands_in = gap.first <= record.seq <= gap.last
        again = any(known.seq == record.seq for _, known in state.gaps)
        if again or (gap.last if stands_in else record.seq) < state.next:
            self.duplicates += 1
        else:
            state.gaps.append((gap, record))
            if not stands_in:
                state.held[record.seq] = record


def _advance(state: _Incarnation) -> list[Record]:
    """Moves on over what is held and what is declared lost."""
    accepted = []
    while True:
        record = state.held.pop(state.next, None)
        if record is not None:
            accepted.append(record)
            state.next += 1
            continue
        found = next((g for g in state.gaps if g[0].first <= state.next <= g[0].last), None)
        if found is None:
            break
        gap, record = found
        if gap.first <= record.seq <= gap.last:
            accepted.append(record)
        state.next = gap.last + 1
        state.held = {seq: r for seq, r in state.held.items() if seq >= state.next}
    state.gaps = [g for g in state.gaps if g[0].last >= state.next]
    return accepted

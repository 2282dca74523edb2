"""Rows given out to which somebody may still add, until nobody can."""

import collections
import dataclasses
from collections.abc import Callable

from ...proto.records import Kind
from ...proto.rows import RowKey
from .given import ROWS, Given
from .peer import Order


@dataclasses.dataclass(frozen=True, slots=True)
class Passed:
    """Nobody can add to any row of (attempt, mode, kind) up to `step` any more."""

    attempt: int
    mode: str
    kind: Kind
    step: int


class Incomplete:
    """Remembers the last `ROWS` of them; of those before only how far they go.

    Not thread-safe.

    Args:
        blocked: whether anybody but `holders` can still add to a row at a place.
    """

    def __init__(self, blocked: Callable[[Order, frozenset[int]], bool]) -> None:
        self._blocked = blocked
        self._rows: collections.deque[Given] = collections.deque()
        self._before: Order | None = None
        self._before_step = 0

    def add(self, row: Given) -> None:
        """Takes a row that was given out incomplete; once each."""
        if row.queued:
            return
        row.queued = True
        self._rows.append(row)
        if len(self._rows) > ROWS:
            self._forget(self._rows.popleft())

    def before(self, order: Order) -> None:
        """Rows of an earlier coordinator, up to a place, may be incomplete."""
        if self._before is None:
            self._before, self._before_step = order, order[1]

    def clear(self) -> None:
        """Forgets all single rows."""
        while self._rows:
            self._forget(self._rows.popleft())

    def take(self) -> list[RowKey]:
        """Remembered rows that are complete by now, in order."""
        done = []
        while self._rows and not self._blocked(self._rows[0].order, self._rows[0].processes):
            row = self._rows.popleft()
            row.queued = False
            if not row.complete:
                row.complete = True
                done.append(row.key)
        return done

    def take_before(self) -> int | None:
        """The step up to which all rows, forgotten ones too, are complete; None: not yet."""
        if self._before is None or self._blocked(self._before, frozenset()):
            return None
        if any(row.key.step <= self._before_step for row in self._rows):
            return None
        self._before = None
        return self._before_step

    def _forget(self, row: Given) -> None:
        row.queued = False
        if self._before is None:
            self._before, self._before_step = row.order, row.key.step
        self._before = max(self._before, row.order)
        self._before_step = max(self._before_step, row.key.step)

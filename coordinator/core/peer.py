"""One process as the clock sees it: its link, and how far it is."""

import dataclasses
import math
from collections.abc import Iterator

from ...proto.records import Kind
from .attempts import Attempts

Order = tuple[int, int, int]
"""Place of a row in its (mode, kind): lap, step, n.

A *lap* begins where a process itself goes back to an older step (a second
training in one life), so that the rows that follow are in order again. Calls
of `HOST` rows have no laps: they go back one by one, and have n = 0 here.
"""


@dataclasses.dataclass(slots=True)
class _Position:
    """The last thing a process handed in of one (mode, kind)."""

    order: Order
    left_at: int | None = None
    reborn: bool = False


class Peer:
    """Link and positions of one process; starts live and disconnected.

    Args:
        now: monotonic seconds.
        attempts: which of two is older; shared with the clock.

    Attributes:
        live: whether rows wait for it.
        can_return: whether records may still come from it, live or not.
    """

    def __init__(self, now: float, attempts: Attempts) -> None:
        self.live = True
        self.can_return = True
        self._incarnation = 0
        self._connected = False
        self._gone_since = now
        self._counted = 0.0
        self._counting_since: float | None = None
        self._attempts = attempts
        self._attempt = 0
        self._seen: set[int] = set()
        self._top: int | None = None
        self._positions: dict[tuple[str, Kind], _Position] = {}

    # --------------------------------------------------------------------- link

    def link(self, connected: bool, backlog: int, now: float) -> None:
        """Takes the state of the connection."""
        self._counted = self.counted(now)
        self._counting_since = now if connected and backlog == 0 else None
        if self._connected and not connected:
            self._gone_since = now
        self._connected = connected

    def counted(self, now: float) -> float:
        """Seconds for which it was connected without a backlog."""
        since = self._counting_since
        return self._counted + (0.0 if since is None else now - since)

    def patience(self, first: float, counted: float, timeout: float) -> float:
        """Until when a row waits for this process.

        Args:
            first: when the row's first record came.
            counted: `counted` at that time.
            timeout: seconds without a backlog (or a connection) to wait.
        """
        if not self._connected:
            return max(first, self._gone_since) + timeout
        if self._counting_since is None:
            return math.inf
        return self._counting_since + timeout - (self._counted - counted)

    # ----------------------------------------------------------------- positions

    def born(self, incarnation: int) -> None:
        """A life began: it may start at an older step without a new lap."""
        if incarnation in (0, self._incarnation):
            return
        self._incarnation = incarnation
        for position in self._positions.values():
            position.reborn = True

    def recorded(
        self, attempt: int, mode: str, kind: Kind, step: int, n: int, incarnation: int
    ) -> tuple[Order, bool]:
        """Takes a record; returns its order, and whether the process went back by itself."""
        if not self._incarnation:
            self._incarnation = incarnation
        n = 0 if kind is Kind.HOST else n
        if incarnation != self._incarnation or not self._enter(attempt):
            position = self._positions.get((mode, kind))
            return (position.order[0] if position else 0, step, n), False
        order, back = self._move(mode, kind, step, n)
        self._positions[mode, kind].left_at = None
        return order, back

    def handed(self, attempt: int, mode: str, kind: Kind, step: int, left: bool) -> None:
        """Takes a progress."""
        if not self._enter(attempt):
            return
        before = self._positions.get((mode, kind))
        if before is None or before.order[1] != step:
            self._move(mode, kind, step, 0 if kind is Kind.HOST else -1)
            self._positions[mode, kind].left_at = None
        position = self._positions[mode, kind]
        if not left:
            position.left_at = None
        elif position.left_at is None:
            position.left_at = step

    def past(self, attempt: int, mode: str, kind: Kind, order: Order) -> bool:
        """Whether nothing of that row or an earlier one will come from it in this life."""
        if attempt != self._attempt:
            return self._left(attempt)

        step = order[1]
        kinds = (Kind.HOST, Kind.STEP, Kind.EPOCH) if kind is Kind.HOST else (kind,)
        positions = [p for k in kinds if (p := self._positions.get((mode, k))) is not None]
        if (mode, kind) not in self._positions and self._top is not None and self._top > step:
            return True
        return any(self._beyond(p, order, kind) for p in positions)

    def steps(self) -> Iterator[tuple[str, int]]:
        """Mode and last step handed in by ``log_step``, of modes it has not left."""
        for (mode, kind), position in self._positions.items():
            if kind is Kind.STEP and position.left_at is None:
                yield mode, position.order[1]

    @property
    def step(self) -> int:
        """The greatest of the last steps handed in by ``log_step``, in whichever mode; 0: none."""
        found = (p.order[1] for (_, kind), p in self._positions.items() if kind is Kind.STEP)
        return max(found, default=0)

    def _beyond(self, position: _Position, order: Order, kind: Kind) -> bool:
        lap, step, _ = order
        if position.left_at is not None and (kind is Kind.HOST or position.order[0] >= lap):
            return position.left_at >= step or (self._top is not None and self._top > step)
        return position.order[1] > step if kind is Kind.HOST else position.order > order

    def _left(self, attempt: int) -> bool:
        """Whether it is in a newer attempt than this other one."""
        older = self._attempt != 0 and self._attempts.older(attempt, self._attempt)
        return older or attempt in self._seen

    def _enter(self, attempt: int) -> bool:
        """Moves on to a newer attempt; false for one already left, or older than its own."""
        if attempt == self._attempt:
            return True
        if self._left(attempt):
            return False
        self._seen.add(attempt)
        self._attempt = attempt
        self._positions.clear()
        self._top = None
        return True

    def _move(self, mode: str, kind: Kind, step: int, n: int) -> tuple[Order, bool]:
        position = self._positions.get((mode, kind))
        if position is None:
            self._positions[mode, kind] = _Position((0, step, n))
            self._top = step if self._top is None else max(self._top, step)
            return (0, step, n), False

        lap, last, _ = position.order
        back = step < last and not position.reborn
        if back and kind is not Kind.HOST:
            lap += 1
        order = (lap, step, n)
        restart = back or position.reborn
        position.order = order
        position.reborn = False
        if self._top is None or (restart and kind is not Kind.HOST):
            self._top = step
        else:
            self._top = max(self._top, step)
        return order, back

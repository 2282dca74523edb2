"""Whom rows stop waiting for: processes that are gone, once their spools have been read."""

from collections.abc import Iterable

from .core.clock import Clock
from .core.member import ENDED, Member, State
from .replay import Replay


class Leaving:
    """Processes on their way out. Owned by the state thread.

    Args:
        clock: told who is gone.
        replay: reads what they left.
    """

    def __init__(self, clock: Clock, replay: Replay) -> None:
        self._clock = clock
        self._replay = replay
        self._leaving: list[tuple[int, bool, int]] = []

    def recall(self, members: Iterable[Member], now: float) -> None:
        """Memory is built anew: nobody waits for those that were gone before."""
        for member in members:
            if member.state in ENDED:
                self._clock.leave(member.process, now, lost=member.state is State.LOST)

    def add(self, process: int, incarnation: int, *, lost: bool) -> None:
        """A process is lost, or has said goodbye: the latter left a spool if it lacks records."""
        scan = self._replay.scan() if lost or self._replay.lacks(incarnation) else 0
        self._leaving.append((process, lost, scan))

    def back(self, process: int) -> None:
        """A process is here again."""
        self._leaving = [left for left in self._leaving if left[0] != process]

    def let_go(self, now: float) -> None:
        """Tells the clock of those whose spools have been read."""
        left = self._leaving
        self._leaving = [leaving for leaving in left if leaving[2] > self._replay.through]
        for process, lost, scan in left:
            if scan <= self._replay.through:
                self._clock.leave(process, now, lost=lost)

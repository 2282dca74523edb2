"""Time and the network of a simulated pod: one event queue, streams that are slow and break."""

import abc
import heapq
import itertools
import random
from collections.abc import Callable, Sequence

from kit_stoploop import Loop

from podlog.coordinator.core.stop import Outcome, Propose, StopAgreement


class Wires(abc.ABC):
    """What lies between the loops and the coordinator; what either does, a subclass says.

    Args:
        seed: of everything.
    """

    loops: list[Loop]
    slow: set[int]
    calm: bool
    core: StopAgreement

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._order = itertools.count()
        self.lost: set[int] = set()
        self.done: set[int] = set()
        self.up, self.late = True, False

    @abc.abstractmethod
    def _above(self, loop: Loop, connection: int, message: object) -> None:
        """The coordinator takes a message."""

    @abc.abstractmethod
    def _below(self, loop: Loop, connection: int, message: Propose | Outcome) -> None:
        """A worker takes a message."""

    @abc.abstractmethod
    def _do(self, event: Callable[[], Sequence[object]]) -> None:
        """Something happens to the coordinator."""

    def _until(self, end: float) -> None:
        queue = self._queue
        while queue and queue[0][0] <= end:
            self.now, _, call, args = heapq.heappop(queue)
            call(*args)
        self.now = end

    def _after(self, seconds: float, call: Callable[..., None], *args: object) -> None:
        heapq.heappush(self._queue, (self.now + seconds, next(self._order), call, args))

    # ------------------------------------------------------------------ the network

    def _delay(self, loop: Loop) -> float:
        rng = self.rng
        if self.late:
            return 0.2
        if self.calm or loop.index not in self.slow or rng.random() < 0.5:
            return rng.uniform(0.001, 0.2) if rng.random() < 0.8 else rng.uniform(0.2, 2.4)
        return rng.uniform(2.5, 14)

    def _arrival(self, loop: Loop, way: int) -> float:
        loop.arrivals[way] = max(loop.arrivals[way], self.now + self._delay(loop))
        return loop.arrivals[way] - self.now

    def _connect(self, loop: Loop, life: int) -> None:
        if life != loop.life or not loop.alive or loop.connection % 2:
            return
        if not self.up:
            self._after(self.rng.uniform(0.1, 1), self._connect, loop, life)
            return
        loop.connection += 1
        loop.arrivals = [self.now, self.now]
        self.lost.discard(loop.index)
        self._do(lambda: self.core.joined(loop.index, loop.incarnation, self.now))
        for wish in loop.agreement.wishes():
            self._send_up(loop, wish)
        self._send_up(loop, loop.agreement.training)
        if loop.ended:
            self._send_up(loop, "done")

    def _cut(self, loop: Loop) -> None:
        """The stream breaks: what is on its way is lost."""
        if loop.connection % 2:
            loop.connection += 1
            self._after(self.rng.uniform(0, 0.5), self._left, loop.index, loop.connection)

    def _left(self, index: int, connection: int) -> None:
        if self.up and self.loops[index].connection == connection:
            self._do(lambda: self.core.left(index, self.now))
            self._after(12.0, self._lose, index, connection)

    def _lose(self, index: int, connection: int) -> None:
        if self.loops[index].connection == connection and index not in self.done:
            self.lost.add(index)
            if self.up:
                self._do(lambda: self.core.ended(index, self.now))

    def _break(self, loop: Loop) -> None:
        loop = self.loops[loop.index]
        self._cut(loop)
        away = self.rng.uniform(0.1, 2) if self.rng.random() < 0.7 else self.rng.uniform(2, 18)
        self._after(away, self._connect, loop, loop.life)

    def _send_up(self, loop: Loop, message: object) -> None:
        if loop.connection % 2:
            self._after(self._arrival(loop, 0), self._above, loop, loop.connection, message)

    def _send_down(self, index: int, message: Propose | Outcome) -> None:
        loop = self.loops[index]
        if loop.connection % 2:
            self._after(self._arrival(loop, 1), self._below, loop, loop.connection, message)

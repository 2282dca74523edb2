"""When a launcher sends which signal: pure, time is passed in."""

import dataclasses
import signal
from collections.abc import Sequence

_AFTER = {signal.SIGINT: signal.SIGTERM, signal.SIGTERM: signal.SIGKILL}


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """A signal for every process that runs, but for one.

    Attributes:
        number: the signal.
        spared: index of the process that does not get it; None: all get it.
    """

    number: int
    spared: int | None = None


class Escalation:
    """Signals to the processes of a launcher, each `grace` seconds after the one before.

    `signalled`, `failed` and `due` return what to send at once; `wait` says when
    `due` has more. `now` is monotonic seconds.

    Attributes:
        received: the first signal the launcher itself got, or None.
        begun: whether it was decided to stop the processes.
    """

    def __init__(self, grace: float):
        self.received: int | None = None
        self.begun = False
        self._grace = grace
        self._plan: list[tuple[float, Order]] = []

    def signalled(self, number: int, now: float) -> Sequence[Order]:
        """The launcher got signal `number`.

        The first is passed on as it came (SIGHUP as SIGTERM); a second one kills.
        """
        self.begun, self._plan = True, []
        if self.received is not None:
            return (Order(signal.SIGKILL),)
        self.received = number
        passed = signal.SIGINT if number == signal.SIGINT else signal.SIGTERM
        self._plan = self._ladder(passed, now)
        return self.due(now)

    def failed(
        self, now: float, *, spared: int | None = None, pause: float = 0.0
    ) -> Sequence[Order]:
        """The job failed: all are told to stop, unless they were.

        Args:
            now: monotonic seconds.
            spared: index of the process that failed, if it may still run: it has
                a grace more than the others to say what it has to say.
            pause: seconds until the first signal, for those that end by themselves.
        """
        if self.begun:
            return ()
        self.begun = True
        first = now + pause
        self._plan = self._ladder(signal.SIGTERM, first, spared)
        if spared is not None:
            self._plan += self._ladder(signal.SIGTERM, first + self._grace)
        return self.due(now)

    def due(self, now: float) -> Sequence[Order]:
        """What is to be sent by now."""
        due = [order for at, order in self._plan if at <= now]
        self._plan = self._plan[len(due) :]
        return due

    def wait(self, now: float) -> float | None:
        """Seconds until `due` has something; None if it will not."""
        return max(0.0, self._plan[0][0] - now) if self._plan else None

    def _ladder(
        self, number: int, at: float, spared: int | None = None
    ) -> list[tuple[float, Order]]:
        """That signal and, a grace apart, those that follow it."""
        plan: list[tuple[float, Order]] = []
        following: int | None = number
        while following is not None:
            plan.append((at, Order(following, spared)))
            following = _AFTER.get(signal.Signals(following))
            at += self._grace
        return plan

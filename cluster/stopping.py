"""When a launcher sends which signal: pure, time is passed in."""

import signal
from collections.abc import Sequence

_AFTER = {signal.SIGINT: signal.SIGTERM, signal.SIGTERM: signal.SIGKILL}


class Stopping:
    """Signals to the processes of a job, each `grace` seconds after the one before.

    Attributes:
        received: the first signal the launcher itself got, or None.
        begun: whether the processes were told to stop.
    """

    def __init__(self, grace: float):
        self.received: int | None = None
        self.begun = False
        self._grace = grace
        self._next: int | None = None
        self._at: float | None = None

    def signalled(self, number: int, now: float) -> Sequence[int]:
        """The launcher got signal `number`; returns what to send on at once.

        The first is passed on as it came; a second one kills.
        """
        if self.received is not None:
            self._next = self._at = None
            return (signal.SIGKILL,)
        self.received = number
        return self._begin(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM, now)

    def failed(self, now: float) -> Sequence[int]:
        """A process failed: the others are told to stop, unless they were."""
        return () if self.begun else self._begin(signal.SIGTERM, now)

    def due(self, now: float) -> Sequence[int]:
        """What to send now, since the last signal did not do."""
        if self._at is None or self._next is None or now < self._at:
            return ()
        return self._begin(self._next, now)

    def wait(self, now: float) -> float | None:
        """Seconds until `due` has something; None if it will not."""
        return None if self._at is None else max(0.0, self._at - now)

    def _begin(self, number: int, now: float) -> Sequence[int]:
        self.begun = True
        self._next = _AFTER.get(signal.Signals(number))
        self._at = None if self._next is None else now + self._grace
        return (number,)

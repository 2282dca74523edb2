"""How long the link pauses between attempts to connect, and when it says so. Pure."""

import random

from ..proto.backoff import Backoff

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_TELL_AFTER_S = 10.0


class Outage:
    """The time since the last good connection.

    Args:
        now: monotonic seconds, as everywhere here.
    """

    def __init__(self, now: float) -> None:
        self._since = now
        self._pauses = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._told = False

    def over(self, now: float) -> None:
        """A connection was good; what follows is the next outage."""
        self._since, self._told = now, False
        self._pauses.reset()

    def pause(self) -> float:
        """Seconds until the next attempt: longer each time, and not the same for all processes."""
        return self._pauses.next() * random.uniform(0.5, 1.0)

    def lasts(self, now: float) -> float | None:
        """Seconds since it began, once, when that is worth a warning."""
        if self._told or now - self._since < _TELL_AFTER_S:
            return None
        self._told = True
        return now - self._since

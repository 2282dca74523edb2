"""A rest from judging by time, after nobody looked for a while."""

import math


class Rest:
    """Nothing is judged for some seconds: what was sent meanwhile is read first. Pure.

    Whoever is always late rests half of the time at most.

    Args:
        seconds: how long it lasts.

    Attributes:
        until: monotonic seconds of its end.
    """

    def __init__(self, seconds: float) -> None:
        self.until = -math.inf
        self._seconds = seconds

    def begin(self, now: float) -> bool:
        """Nobody looked for a while until now; whether a rest begins."""
        if now < self.until + self._seconds:
            return False
        self.until = now + self._seconds
        return True

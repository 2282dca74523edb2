"""How long to wait between tries: twice as long each time, up to a bound. Pure."""


class Backoff:
    """The pauses of one trouble after the other. Not thread-safe.

    Args:
        first: seconds before the second try.
        longest: no later pause is longer.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first = self._pause = first
        self._longest = longest

    def next(self) -> float:
        """Seconds until the next try."""
        pause, self._pause = self._pause, min(2 * self._pause, self._longest)
        return pause

    def reset(self) -> None:
        """It went well: the next pause is the first again."""
        self._pause = self._first

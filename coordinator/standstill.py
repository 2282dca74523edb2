"""Whether the coordinator itself stood still: the machine, the disk or a debugger held it up."""

import logging
import math

_log = logging.getLogger(__name__)

_LATE_S = 1.0


class Standstill:
    """Compares when turns come with when they were to come. Owned by the state thread."""

    def __init__(self) -> None:
        self._last = math.inf

    def over(self, now: float, patience: float) -> bool:
        """Whether one has ended just now, before this turn.

        Args:
            now: monotonic seconds.
            patience: what this turn was allowed to wait until it began.
        """
        lasted, self._last = now - self._last, now
        if lasted <= patience + _LATE_S:
            return False
        _log.info("the coordinator itself stood still for %.1f s", lasted)
        return True

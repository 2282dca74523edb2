"""How long a call of a tool that raises is made again, and what is said about it."""

import logging
import threading
import time
from collections.abc import Callable

from ..proto.backoff import Backoff
from .runners import ToolDiedError

_log = logging.getLogger(__name__)

ANNOUNCE_AT = 3
"""The failure in a row with which a tool is announced to be away; shorter ones are not."""


class ClosingError(Exception):
    """Nothing is repeated any more."""


class Patience:
    """Makes calls and repeats those that raise. One thread calls; others may read.

    An OSError means that what the tool needs is away, and is waited for as
    long as it takes; a tool's process that died is started again by the next
    call; anything else is the tool's own fault.

    Args:
        name: of the tool, for the log.
        backoff: the first and the longest wait between two calls, in seconds;
            each is twice the one before.
        closing: when it is set, no call is repeated.
        report: takes an event's name and text.

    Attributes:
        raised: calls that raised.
        error: the last thing raised, or "".
        problem: the same, once a call did not raise any more "".
        since: monotonic time at which the call in flight began, or None.
    """

    def __init__(
        self,
        name: str,
        backoff: tuple[float, float],
        closing: threading.Event,
        report: Callable[[str, str], None],
    ) -> None:
        self._name = name
        self._backoff = backoff
        self._closing = closing
        self._report = report
        self.raised = 0
        self.problem = ""
        self.error = ""
        self.since: float | None = None

    def insist(
        self, call: Callable[[], object], *, tries: int, deaths: int, quiet: bool = False
    ) -> bool:
        """Makes `call` until it works; false if it is not worth repeating.

        Args:
            call: may raise anything.
            tries: how often it is made if it raises what is the tool's fault.
            deaths: how often the tool's process may die of it.
            quiet: do not report that the tool is away.

        Raises:
            ClosingError: it raised while the feed was closing.
        """
        failed = died = away = 0
        began, pauses = time.monotonic(), Backoff(*self._backoff)
        while (error := self.once(call, trace=failed + died + away == 0)) is not None:
            self.wait(0.0)
            match error:
                case OSError():
                    away += 1
                    if away == ANNOUNCE_AT and not quiet:
                        self._report("tool_away", f"is away and waited for: {self.error}")
                case ToolDiedError():
                    died += 1
                case _:
                    failed += 1
            if died >= deaths or failed >= tries:
                return False
            self.wait(pauses.next())
        if away >= ANNOUNCE_AT and not quiet:
            self._report("tool_back", f"is back after {time.monotonic() - began:.0f} s")
        return True

    def once(self, call: Callable[[], object], *, trace: bool = True) -> BaseException | None:
        """Makes `call`; returns what it raised, logged with its traceback if `trace`."""
        self.since = time.monotonic()
        try:
            call()
        except BaseException as error:
            self.raised += 1
            self.error = self.problem = f"{type(error).__name__}: {error}"
            _log.warning("tool %s raised %s", self._name, self.error, exc_info=trace)
            return error
        finally:
            self.since = None
        self.problem = ""
        return None

    def wait(self, seconds: float) -> None:
        """Waits.

        Raises:
            ClosingError: the feed is closing.
        """
        if self._closing.wait(seconds):
            raise ClosingError

"""What happens when the process ends without ``close``."""

import atexit
import logging
import sys
from collections.abc import Callable
from types import TracebackType

from .forked import Home

_log = logging.getLogger(__name__)


def status_of(error: BaseException | None) -> str:
    """How a training ended that `error` ended; "" without one: as `finalize` said."""
    if error is None:
        return ""
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failure"


class ExitHook:
    """Calls `close` once when the process ends, with the status that it ended in.

    Install it after ``import jax`` has run: exit functions run newest first, so
    ours comes before JAX's shutdown barrier, while peers are still alive.

    ``"failure"`` after an uncaught exception, ``"interrupted"`` after
    KeyboardInterrupt (at once, behind the hook that prints the traceback), else
    ``""`` from atexit. Threads' exceptions are left alone.

    Args:
        close: takes the status; bounded in time. What it raises is logged.
    """

    def __init__(self, close: Callable[[str], None]) -> None:
        self._close = close
        self._home = Home()
        self._done = False
        self._previous = sys.excepthook
        self._hook = self._uncaught  # one object: a bound method is made anew at each access

    def install(self) -> None:
        """Registers with atexit and chains ``sys.excepthook``."""
        self._previous = sys.excepthook
        sys.excepthook = self._hook
        atexit.register(self._at_exit)

    def remove(self) -> None:
        """Undoes `install`; a hook that others chained behind it stays, without effect."""
        self._done = True
        atexit.unregister(self._at_exit)
        if sys.excepthook is self._hook:
            sys.excepthook = self._previous

    def _uncaught(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        try:
            self._previous(kind, error, trace)
        finally:
            self._end(status_of(error))

    def _at_exit(self) -> None:
        self._end(status_of(None))

    def _end(self, status: str) -> None:
        if self._done or not self._home.here:
            return
        self._done = True
        try:
            self._close(status)
        except Exception:
            _log.exception("closing the logger at exit failed")

"""What happens when the process ends without ``close``."""

import atexit
import logging
import threading
from collections.abc import Callable
from types import TracebackType

from ..cluster import early
from ..cluster.leaving import Hooks, Leaving
from .ending import Ending, ending_of, exit_ending
from .forked import Home

_log = logging.getLogger(__name__)


class ExitHook:
    """Calls `close` once when the process ends, with how it ended.

    Install it after ``import jax`` has run: exit functions run newest first, so
    ours comes before JAX's shutdown barrier, while peers are still alive.

    An uncaught exception is reported at once, then the hooks before ours print
    its traceback, then comes `close`. ``sys.exit(n)`` on the main thread is
    remembered: if it did end the program, atexit closes with ``failure: exit
    code n``. ``raise SystemExit(n)`` cannot be told from an end in order here;
    a launcher sees it. Exceptions of threads are left alone.

    Args:
        report: told of an uncaught exception; must be quick.
        close: bounded in time. What either raises is logged.
    """

    def __init__(self, report: Callable[[Ending], None], close: Callable[[Ending], None]) -> None:
        self._report = report
        self._close = close
        self._home = Home()
        self._done = False
        self._hooks = Hooks(self._uncaught, self._exit)
        self._leaving: Leaving | None = None

    def install(self) -> None:
        """Registers with atexit, chains ``sys.excepthook`` and ``sys.exit``."""
        early.disarm()
        self._hooks.install()
        atexit.register(self._at_exit)

    def remove(self) -> None:
        """Undoes `install`; a hook that others chained behind it stays, without effect."""
        self._done = True
        self._leaving = None
        atexit.unregister(self._at_exit)
        self._hooks.remove()

    def _uncaught(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        ending = ending_of(error.with_traceback(trace))
        if self._waiting:
            _told(self._report, ending)
        try:
            self._hooks.excepthook(kind, error, trace)
        finally:
            self._end(ending)

    def _exit(self, status: object = None, /) -> None:
        if not self._done and threading.current_thread() is threading.main_thread():
            self._leaving = Leaving(status)
        self._hooks.exit(status)

    def _at_exit(self) -> None:
        ending = Ending()
        if self._leaving is not None and self._leaving.ended:
            ending = exit_ending(self._leaving.status)
        self._end(ending)

    def _end(self, ending: Ending) -> None:
        if self._waiting:
            self._done = True
            _told(self._close, ending)

    @property
    def _waiting(self) -> bool:
        return self._home.here and not self._done


def _told(told: Callable[[Ending], None], ending: Ending) -> None:
    try:
        told(ending)
    except Exception:
        _log.exception("closing the logger at exit failed")

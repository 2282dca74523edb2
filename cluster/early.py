"""A process that fails before it has a Logger ends at once, so that its launcher can say so.

Else its traceback is printed, and then JAX's shutdown barrier holds it for minutes:
all that anybody knows meanwhile is that it has not arrived.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
from types import TracebackType
from typing import NoReturn

from ..proto.errors import ConfigError
from . import env, pipe, pod
from .leaving import Hooks, Leaving, exit_code
from .telling import key_of, published
from .terminal import tell

CONTACT_S = 30.0
"""How long the coordinator of process 0 is looked for, to tell the launcher where it is."""


class EarlyFailure:
    """Ends the process behind the traceback of an uncaught exception, or at `sys.exit`.

    For the main thread. Exit functions do not run: JAX's among them is the barrier.
    Nothing is done before the pod is joined, in a forked child, or in an interactive
    interpreter. ``raise SystemExit(n)`` cannot be told from an end in order.

    Args:
        said: what the launcher says.
    """

    def __init__(self, said: env.Environment) -> None:
        self._said = said
        self._pid = os.getpid()
        self._hooks = Hooks(self._uncaught, self._exit)
        self._leaving: Leaving | None = None
        self._armed = False

    def arm(self) -> None:
        """From now on."""
        self._armed = True
        self._hooks.install()

    def disarm(self) -> None:
        """A Logger takes over; safe twice."""
        self._armed = False
        self._hooks.remove()

    def _uncaught(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        try:
            self._hooks.excepthook(kind, error, trace)
        finally:
            if self._held():
                self._end(None if issubclass(kind, KeyboardInterrupt) else 1)

    def _exit(self, status: object = None, /) -> None:
        if self._held() and threading.current_thread() is threading.main_thread():
            self._leaving = Leaving(status)
            atexit.register(self._at_exit)  # the newest runs first: before JAX's
        self._hooks.exit(status)

    def _at_exit(self) -> None:
        if self._held() and self._leaving is not None and self._leaving.ended:
            self._end(exit_code(self._leaving.status))

    def _held(self) -> bool:
        """Whether JAX's barrier would hold this process."""
        if not self._armed or os.getpid() != self._pid or sys.flags.interactive:
            return False
        if "jax" not in sys.modules:
            return False
        state = pod.joined()
        return state is not None and int(state.num_processes) > 1

    def _end(self, code: int | None) -> NoReturn:
        """Ends with that exit code; None: as SIGINT ends a process."""
        tell("it ends before it made its Logger, and so without JAX's shutdown barrier")
        with contextlib.suppress(Exception):
            self._pass_on()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        if code is None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(1 if code is None else code)

    def _pass_on(self) -> None:
        """Says to a launcher that does not know it yet where the coordinator is."""
        if self._said.pipe and self._said.contact() is None and pod.where().process_index:
            found = published(key_of(0), CONTACT_S)
            if found is not None:
                pipe.tell(self._said.pipe, found)


_failure: EarlyFailure | None = None


def arm() -> None:
    """If a launcher waits for this process, nothing may hold it when it fails from now on."""
    global _failure
    with contextlib.suppress(ConfigError):  # the Logger will raise it
        said = env.read()
        if _failure is None and (said.pipe or said.contact_file or said.coordinator):
            _failure = EarlyFailure(said)
            _failure.arm()


def disarm() -> None:
    """This process has a Logger, which tells of everything."""
    if _failure is not None:
        _failure.disarm()

"""When JAX compiles, from the one listener that a process has for it."""

import contextlib
import threading
import time
from typing import Any, Protocol

from jax import monitoring

from ..proto.forks import in_child

_COMPILE = "/jax/core/compile/"
_LAST_STAGE = "/jax/core/compile/backend_compile_duration"


class Watcher(Protocol):
    """Is told of compiles in the thread that compiles; must not wait or call JAX."""

    def compile_began(self, thread: int, now: float) -> None:
        """A compile began in `thread`, at monotonic `now`."""

    def compile_ended(self, thread: int, now: float) -> None:
        """The outermost compile of `thread` ended."""


class Compiles:
    """Turns JAX's events into the beginning and end of compiles. Thread-safe.

    JAX says a scalar when a stage (trace, lower, compile) begins and a duration
    when it ends, also of those inside it. Before 0.7 it says the durations
    only: there the first that comes stands for the beginning, the last stage's
    for the end. What a listener raises would come out of the user's call:
    nothing does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: tuple[Watcher, ...] = ()
        self._depth: dict[int, int] = {}
        self._says_begin = False
        in_child(self, Compiles.forget)

    def watch(self, watcher: Watcher) -> None:
        """Has `watcher` told from now on."""
        with self._lock:
            if not self._watchers:
                monitoring.register_scalar_listener(self._began)
                monitoring.register_event_duration_secs_listener(self._ended)
            self._watchers += (watcher,)

    def unwatch(self, watcher: Watcher) -> None:
        """Has it told no more; safe twice. Without watchers nothing stays with JAX."""
        with self._lock:
            if watcher not in self._watchers:
                return
            self._watchers = tuple(w for w in self._watchers if w is not watcher)
            if not self._watchers:
                # JAX 0.6 has no public way, and others may have cleared all listeners.
                with contextlib.suppress(AttributeError, AssertionError, ValueError):
                    monitoring.unregister_scalar_listener(self._began)
                with contextlib.suppress(AttributeError, AssertionError, ValueError):
                    monitoring.unregister_event_duration_listener(self._ended)

    def forget(self) -> None:
        """Forgets all watchers: their locks did not survive a fork."""
        self._watchers = ()

    def _began(self, event: str, *_: Any, **__: Any) -> None:
        if event.startswith(_COMPILE):
            self._says_begin = True
            self._move(+1)

    def _ended(self, event: str, *_: Any, **__: Any) -> None:
        if not event.startswith(_COMPILE):
            return
        if self._says_begin:
            self._move(-1)
        else:
            self._move(-1 if event == _LAST_STAGE else 1, most=1)

    def _move(self, change: int, most: int = 1 << 30) -> None:
        with contextlib.suppress(Exception):
            thread, now = threading.get_ident(), time.monotonic()
            before = self._depth.pop(thread, 0)
            after = min(max(before + change, 0), most)
            if after:
                self._depth[thread] = after
            for watcher in self._watchers if bool(before) != bool(after) else ():
                (watcher.compile_began if after else watcher.compile_ended)(thread, now)


compiles = Compiles()
"""The process's own."""

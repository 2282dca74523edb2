"""A stop request when the scheduler says that the machines are taken away."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from ..cluster import pod

_log = logging.getLogger(__name__)
_shown = logging.getLogger("podlog")

_POLL_S = 1.0


class Preemption:
    """Looks once a second for a notice, and asks for a stop as long as it stands.

    The notice is JAX's own, which its handler of SIGTERM puts into the pod's
    key-value store (process 0 looks there), or a SIGTERM that `install` took.
    Nothing here raises into training code.

    Life: `begin` once, on the main thread if SIGTERM is to be taken; `close`
    once, safe twice and without `begin`.

    Args:
        request: asks for a stop, of a kind and for a reason (see `Gate.request`);
            called again with each look, so that a training that begins after the
            notice ends too.
        notice: what JAX's store says, or None; None: it is not looked at.
        failed: who has failed, in words, or "": then its launcher ends this
            process, and nobody takes the machines away.
    """

    def __init__(
        self,
        request: Callable[[str, str], object],
        notice: Callable[[], str | None] | None,
        failed: Callable[[], str] = str,
    ) -> None:
        self._request = request
        self._notice = notice
        self._failed = failed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="podlog-preempt", daemon=True)
        self._signalled = self._told = False
        self._handler = self._on_signal  # one object: a bound method is made anew at each access
        self._previous: Any = None
        self._home = os.getpid()

    def begin(self, *, sigterm: bool) -> Self:
        """Looks from now on.

        Args:
            sigterm: take SIGTERM too, unless JAX does. What handled it before is
                called behind; if nothing did, the process goes on.
        """
        took = sigterm and not pod.handles_sigterm() and self._install()
        if took or self._notice is not None:
            self._thread.start()
        return self

    def close(self) -> None:
        """Ends the thread and gives SIGTERM back."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(_POLL_S)
        if self._previous is None or signal.getsignal(signal.SIGTERM) != self._handler:
            return
        try:
            signal.signal(signal.SIGTERM, self._previous)
        except ValueError:  # not on the main thread: it stays, and only passes on
            return
        self._previous = None

    def _install(self) -> bool:
        try:
            self._previous = signal.signal(signal.SIGTERM, self._handler)
        except ValueError:
            _shown.warning("fate.sigterm: only a Logger made on the main thread can take SIGTERM")
            return False
        return True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Takes no lock: the thread does the rest."""
        self._signalled = True
        idle = self._over.is_set() or os.getpid() != self._home
        if callable(self._previous):
            self._previous(number, frame)
        elif idle and self._previous is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _run(self) -> None:
        while not self._over.wait(_POLL_S):
            try:
                why = "SIGTERM" if self._signalled else self._notice and self._notice()
                if why:
                    self._ask(why)
            except Exception:
                _log.debug("looking for a preemption failed", exc_info=True)

    def _ask(self, why: str) -> None:
        failed = self._failed()
        told, self._told = self._told, True
        if failed:
            if not told:
                _shown.warning("this process is told to end, since %s failed", failed)
            self._request("request", f"{failed} failed")
            return
        if not told:
            _shown.warning("this job is being preempted (%s): a stop is asked for", why)
        self._request("preempted", why)

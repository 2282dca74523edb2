"""What this process does when it hears that another one failed."""

import contextlib
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from ..proto import podlog_pb2 as pb
from ..proto.control import ABORTED
from ..proto.records import Event
from ..proto.words import ended
from .inputs import said, said_error

_log = logging.getLogger(__name__)

_CLOSE_S = 1.0
_ABORT_S = 2.0
_SOFT = "disconnected"


class Peers:
    """Tells of the first process that failed: through logging, to the user, by an abort.

    `told` is called by the link and never blocks. The line and the user's
    function belong to the thread ``podlog-peer``, the abort to
    ``podlog-abort``, which runs only where it is wanted: neither may hold up
    the other. `start` and `close` belong to the owner.

    Args:
        process: index of this process.
        on_failure: the user's ``on_peer_failure``; what it raises is logged.
        flush: for ``abort_on_peer_failure``: brings what was logged to the
            spool, within seconds; None: this process goes on.
    """

    def __init__(
        self,
        process: int,
        on_failure: Callable[[Event], None] | None,
        flush: Callable[[float], object] | None,
    ) -> None:
        self._process = process
        self._on_failure = on_failure
        self._flush = flush
        self._signs: deque[pb.FirstSign] = deque()
        self._known: set[tuple[int, str, str]] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._busy = 0
        self._cause: pb.FirstSign | None = None
        self._threads = [threading.Thread(target=self._tell, name="podlog-peer", daemon=True)]
        if flush is not None:
            abort = threading.Thread(target=self._abort, name="podlog-abort", daemon=True)
            self._threads.append(abort)

    def start(self) -> None:
        """Starts the threads."""
        for thread in self._threads:
            thread.start()

    def told(self, sign: pb.FirstSign) -> None:
        """The coordinator's word; one that stands (not a mere broken connection) counts once."""
        key = (sign.process, sign.status, sign.reason)
        with self._changed:
            if self._closed or sign.process == self._process or key in self._known:
                return
            if sign.status != _SOFT:
                self._known.add(key)
                self._cause = self._cause or sign
            self._signs.append(sign)
            self._busy += 1
            self._changed.notify_all()

    def failed(self) -> str:
        """Who was the first to fail, as far as this process was told; "" for nobody."""
        with self._changed:
            return "" if self._cause is None else f"process {self._cause.process}"

    def close(self) -> None:
        """No abort any more; ends the threads, unless the user's function blocks. Safe twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        deadline = time.monotonic() + _CLOSE_S
        for thread in self._threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    # ---------------------------------------------------- the threads' own

    def _tell(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._signs or self._closed)
                if not self._signs:
                    return
                sign = self._signs.popleft()
            self._tell_one(event_of(sign), hard=sign.status != _SOFT)
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _tell_one(self, event: Event, hard: bool) -> None:
        try:
            _log.log(logging.ERROR if hard else logging.WARNING, "%s", event.text)
            if self._on_failure is not None:
                self._on_failure(event)
        except BaseException as error:
            with contextlib.suppress(Exception):
                _log.error("on_peer_failure: %s", said_error(error), exc_info=error)
        if self._flush is not None:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()

    def _abort(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._cause is not None or self._closed)
            if self._closed:
                return
        deadline = time.monotonic() + _ABORT_S
        with contextlib.suppress(Exception):
            assert self._flush is not None
            self._flush(_ABORT_S)
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, max(0.0, deadline - time.monotonic()))
            if not self._closed:
                os._exit(ABORTED)


def event_of(sign: pb.FirstSign) -> Event:
    """A first sign as ``on_peer_failure`` gets it."""
    reason = said(sign.reason) if sign.reason else ""
    text = ended(sign.process, sign.host, sign.status, reason)
    fields = {
        "process": str(sign.process),
        "host": sign.host,
        "status": sign.status,
        "reason": sign.reason,
    }
    return Event("first_sign", text, fields=fields)

"""Delivers what processes that are gone left in the spool folder of this one."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.gaps import block_span
from ..proto.spoolfile import Orphan, orphans

_log = logging.getLogger(__name__)

_STUCK_S = 5.0
_TRIES = 5
"""Connections that may break while one message is on its way; then its spool stays."""


class Relay:
    """Replays orphan spools over the link's connections, one message at a time.

    Thread ``podlog-relay`` scans the folder and reads; it starts when a run is
    open and ends when all is delivered. The other methods are the link's and
    never block. The coordinator may replay the same folder: locks decide, and
    doubles are harmless.

    Args:
        folder: where spools lie; it need not be there.
        own: incarnation whose spool is left alone.
        poke: called when there is something to send, or nothing any more.
    """

    def __init__(self, folder: Path, own: int, poke: Callable[[], None]) -> None:
        self._folder = folder
        self._own = own
        self._poke = poke
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._run_id = ""
        self._connection = self._breaks = 0
        self._offer: pb.Orphan | None = None
        self._moved = 0.0
        self._acked: dict[int, int] = {}
        self._over = False

    def busy(self, now: float) -> bool:
        """Whether there is, or may be, more to deliver, and it gets on; `now` is monotonic."""
        return self._thread is not None and not self._over and now - self._moved < _STUCK_S

    def begin(self, run_id: str) -> None:
        """The run is open: looks for orphans of it, the first time it is called."""
        if self._thread is None and not self._over:
            self._moved = time.monotonic()
            self._run_id = run_id
            self._thread = threading.Thread(target=self._run, name="podlog-relay", daemon=True)
            self._thread.start()

    def connected(self) -> None:
        """A new connection is open: what the last one did not acknowledge is offered again."""
        with self._changed:
            self._connection += 1
            self._breaks += self._offer is None
            self._offer = None
            self._changed.notify_all()

    def take(self) -> pb.Orphan | None:
        """The next message, once."""
        with self._changed:
            offer, self._offer = self._offer, None
            return offer

    def acked(self, incarnation: int, seq: int) -> None:
        """Records of `incarnation` up to `seq` are committed."""
        with self._changed:
            if seq > self._acked.get(incarnation, 0):
                self._acked[incarnation] = seq
                self._moved = time.monotonic()
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Ends the thread; what was not delivered stays, its locks are released. Safe twice."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)

    # -------------------------------------------------------- the thread's own

    def _run(self) -> None:
        try:
            if self._folder.is_dir():
                self._replay_all(orphans(self._folder, skip={self._own}))
        except Exception as error:
            _log.warning("spools of earlier processes in %s stay there: %s", self._folder, error)
        finally:
            self._over = True
            self._poke()

    def _replay_all(self, found: list[Orphan]) -> None:
        try:
            for orphan in found:
                if self._over:
                    return
                try:
                    self._replay(orphan)
                except Exception as error:
                    _log.warning("%s stays in %s: %s", _name(orphan), self._folder, error)
        finally:
            for orphan in found:
                orphan.release()

    def _replay(self, orphan: Orphan) -> None:
        """Sends until all is acknowledged, beginning again behind the last ack after a break."""
        if orphan.hello.run_id not in ("", self._run_id):
            _log.warning("%s is of run %r: left alone", _name(orphan), orphan.hello.run_id)
            return
        for problem in orphan.problems:
            _log.warning("%s: %s", _name(orphan), problem)
        self._breaks = 0
        while not self._over and self._breaks < _TRIES:
            if self._pass(orphan, self._acked.get(orphan.hello.incarnation, 0)):
                if self._acked.get(orphan.hello.incarnation, 0) < orphan.last:
                    return  # a file went while it was read: what is left comes another time
                gone = orphan.delete()
                _log.info("%s: delivered%s", _name(orphan), "" if gone else ", and kept")
                return
        if not self._over:
            _log.warning("%s stays in %s: connections break on it", _name(orphan), self._folder)

    def _pass(self, orphan: Orphan, after: int) -> bool:
        """Sends what lies behind `after` on one connection; whether all is acknowledged."""
        with self._changed:
            connection = self._connection
        incarnation = orphan.hello.incarnation
        for batch, last in _with_last(orphan.batches(after)):
            end = _end(batch)
            message = pb.Orphan(hello=orphan.hello, batch=batch, last=last)
            with self._changed:
                if not self._here(connection):
                    return False
                self._offer = message
            self._poke()
            with self._changed:
                while self._here(connection) and self._acked.get(incarnation, 0) < end:
                    self._changed.wait()
                acked = self._acked.get(incarnation, 0)
                if acked >= end:
                    self._breaks = 0
            if acked != end:
                return False
        return True

    def _here(self, connection: int) -> bool:
        return self._connection == connection and not self._over


def _end(batch: pb.Batch) -> int:
    """The last number in a batch."""
    return max((block_span(block)[1] for block in batch.blocks), default=0)


def _with_last(batches: Iterator[pb.Batch]) -> Iterator[tuple[pb.Batch, bool]]:
    """Each batch, and whether it is the last."""
    held = next(batches, None)
    while held is not None:
        following = next(batches, None)
        yield held, following is None
        held = following


def _name(orphan: Orphan) -> str:
    hello = orphan.hello
    return f"spool {hello.process}-{hello.incarnation:016x} of {hello.host or 'an unnamed host'}"

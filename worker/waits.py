"""What callers wait for from the coordinator; filled by the link."""

import dataclasses
import threading
from collections.abc import Callable

from ..proto import podlog_pb2 as pb
from ..proto.records import Verdict
from ..proto.rows import Row

LEAST_PAUSE_S = 0.1
"""Between attempts to connect, however many callers wait."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finalize:
    """What ``finalize`` said, to be sent right behind record `seq`."""

    status: str
    seq: int
    error: str = ""


class Waits:
    """Mailboxes behind one condition. Thread-safe; every wait has a deadline.

    Attributes:
        changed: the condition; also wakes the link's thread.
        urgent: how many callers wait for the link to send at once.
        calls: how many have ever begun to.
        pokes: grows when the link has something to do.
        over: why nothing will come any more, once that is so.
        failed: what ended this process's training, until a final verdict has it.
        newest: the last verdict that came, final ones before others of a chapter.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.urgent = self.calls = 0
        self.pokes = 0
        self.over: Exception | None = None
        self.finalize: Finalize | None = None
        self.failed: pb.Failed | None = None
        self.newest: Verdict | None = None
        self._said_failed: pb.Failed | None = None
        self._acked = 0
        self._opened: pb.Opened | None = None
        self._verdict: Verdict | None = None
        self._asked: dict[int, pb.MergedRequest] = {}
        self._rows: dict[int, Row] = {}
        self._last_id = 0

    # ------------------------------------------------------- callers' side

    def for_acked(self, seq: int, timeout: float) -> bool:
        """Whether everything up to `seq` is committed, at the latest at the deadline."""
        with self.changed:
            self._until(lambda: self._acked >= seq, timeout)
            return self._acked >= seq

    def for_opened(self, timeout: float) -> pb.Opened | None:
        """What the run is called and where it lies, once the coordinator said so."""
        with self.changed:
            self._until(lambda: self._opened is not None, timeout)
            return self._opened

    def for_row(self, mode: str, step: int, timeout: float) -> Row | None:
        """Asks for a merged row, until the deadline."""
        with self.changed:
            self._last_id += 1
            id = self._last_id
            self._asked[id] = pb.MergedRequest(id=id, mode=mode, step=step)
            try:
                self._until(lambda: id in self._rows, timeout)
            finally:
                del self._asked[id]
            return self._rows.pop(id, None)

    def for_verdict(self, timeout: float) -> Verdict | None:
        """The final verdict, or at the deadline the last one that came, if any."""
        with self.changed:
            self._until(lambda: self._verdict is not None and self._verdict.final, timeout)
            return self._verdict

    def say(self, finalize: Finalize) -> None:
        """Has `finalize` sent; the verdict that answers it is awaited from now on."""
        with self.changed:
            self.finalize = finalize
            self._verdict = None
            self.poke()

    def fail(self, failed: pb.Failed, timeout: float) -> None:
        """Has `failed` sent before all else, and waits until it is said once; the first counts."""
        with self.changed:
            if self.failed is None:
                self.failed = failed
            self._until(lambda: self.failed is self._said_failed, timeout)

    def _until(self, ready: Callable[[], bool], timeout: float) -> None:
        if ready():
            return
        self.urgent += 1
        self.calls += 1
        self.poke()
        try:
            self.changed.wait_for(lambda: ready() or self.over is not None, max(timeout, 0.0))
        finally:
            self.urgent -= 1

    # -------------------------------------------------------- the link's side

    def poke(self) -> None:
        """Wakes the link's thread even if it is just about to wait; call it with the lock held."""
        self.pokes += 1
        self.changed.notify_all()

    def rest(self, seen: int, timeout: float) -> None:
        """Sleeps until poked since `pokes` was `seen`, at the latest at the deadline."""
        with self.changed:
            self.changed.wait_for(lambda: self.pokes != seen, max(timeout, 0.0))

    def pause(self, seconds: float, over: Callable[[], bool]) -> None:
        """Sleeps until `over`; a caller that begins to wait cuts it down to `LEAST_PAUSE_S`."""
        least = min(seconds, LEAST_PAUSE_S)
        with self.changed:
            calls = self.calls
            if not self.changed.wait_for(over, least):
                self.changed.wait_for(lambda: over() or self.calls != calls, seconds - least)

    def asked(self) -> list[pb.MergedRequest]:
        """Rows that are being waited for."""
        with self.changed:
            return list(self._asked.values())

    def acked(self, seq: int) -> None:
        """Records up to `seq` are committed."""
        with self.changed:
            self._acked = max(self._acked, seq)
            self.changed.notify_all()

    def opened(self, opened: pb.Opened) -> None:
        """The journal is open."""
        with self.changed:
            self._opened = opened
            self.changed.notify_all()

    def row(self, id: int, row: Row) -> None:
        """A merged row came; dropped if nobody waits any more."""
        with self.changed:
            if id in self._asked:
                self._rows[id] = row
                self.changed.notify_all()

    def verdict(self, verdict: Verdict, said: object) -> None:
        """A verdict came; what `say` said is heard if it is final.

        Args:
            verdict: the message.
            said: the `Finalize` that was sent last on this connection, or None.
                An answer to an earlier one than `say` said is none to that.
        """
        with self.changed:
            if not _older(verdict, self.newest):
                self.newest = verdict
            if self.finalize is not None and self.finalize is not said:
                return
            self._verdict = verdict
            if verdict.final:
                self.finalize = None
                if self.failed is self._said_failed:
                    self.failed = None
            self.changed.notify_all()

    def failed_said(self, failed: pb.Failed) -> None:
        """`failed` was said on a connection."""
        with self.changed:
            self._said_failed = failed
            self.changed.notify_all()

    def end(self, reason: Exception) -> None:
        """Nothing will come any more: all waits return."""
        with self.changed:
            if self.over is None:
                self.over = reason
            self.changed.notify_all()


def _older(verdict: Verdict, known: Verdict | None) -> bool:
    """Whether `verdict` says less than what is known."""
    return known is not None and (verdict.chapter, verdict.final) < (known.chapter, known.final)

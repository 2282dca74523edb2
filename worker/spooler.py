"""The thread between the fetch and the disk: bounded, and never in the way."""

import logging
import threading
from collections.abc import Callable, Sequence

from ..proto.codec import body_draft, encode_block
from ..proto.records import Draft, Event
from .forked import Home
from .handed import Handed
from .losses import Losses
from .runs import draft_bytes
from .spool import Spool
from .waitline import Item, WaitLine

_log = logging.getLogger(__name__)

_GATHER_S = 0.05
_RETRY_S = 0.5
_TURN_BYTES = 1 << 20
MAX_DRAFT_BYTES = 72 << 20
"""A record whose columns are larger is replaced by an event that says so."""

_OBJECT_BYTES = 400  # about what Python itself takes for a draft that waits
_NOT_TAKEN = "the disk did not take"
_NOT_ENCODED = "cannot be encoded:"


class Spooler:
    """Writes drafts to the spool soon after they are put (thread ``podlog-spool``).

    What a stalled disk does not take is kept in memory up to `limit` bytes and
    one draft; beyond it the oldest host records go first, then log lines, then
    the rest, all counted, numbered and declared lost by a gap. `put` may be
    called by any thread; `start` and `close` by the owner.

    Args:
        spool: where they go; this is its only writer.
        handed: told of each ticket that is done.
        wake: called after each write.
        limit: bytes that may wait for the disk.
    """

    def __init__(
        self, spool: Spool, handed: Handed, wake: Callable[[], None], *, limit: int = 64 << 20
    ) -> None:
        self._spool = spool
        self._handed = handed
        self._wake = wake
        self._limit = limit
        self._home = Home()
        self._cond = threading.Condition()
        self._line = WaitLine()
        self._writing: list[Item] = []
        self._losses, self._declaring = Losses(), Losses()
        self._bytes = self._waiting = self._put = 0
        self._hurry = self._stop = self._ended = self._told = False
        self._dropped = self._errors = 0
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="podlog-spool", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def put(self, ticket: int | None, drafts: Sequence[Draft]) -> None:
        """Hands `drafts` over and ends `ticket` once they are spooled; never blocks.

        Args:
            ticket: from `Handed.ticket`; None for what no progress waits for.
            drafts: may be empty.

        Raises:
            ForkedError: called in a forked child.
        """
        self._home.check()
        kept = [_travelling(draft) for draft in drafts]
        size = sum(_OBJECT_BYTES + draft_bytes(draft) for draft in kept)
        with self._cond:
            if self._stop:
                self._dropped += len(kept)
                if ticket is not None:
                    self._handed.done(ticket)
                return
            before = self._dropped
            self._put += 1
            self._line.put(Item(self._put, ticket, kept, size))
            self._bytes += size
            self._waiting += len(kept)
            if self._bytes > self._limit:
                self._shed()
            if len(self._line) == 1 or self._bytes > _TURN_BYTES:
                self._cond.notify_all()
            first = before == 0 and self._dropped > 0
        if first:
            _tell_dropped()

    def flush(self, timeout: float) -> int | None:
        """Waits until what was put is spooled; its last number, or None at the deadline."""
        self._home.check()
        with self._cond:
            target = self._put
            self._hurry = True
            self._cond.notify_all()
            self._cond.wait_for(lambda: self._done(target) or self._ended, timeout)
            return self._spool.last_seq if self._done(target) else None

    @property
    def waiting(self) -> int:
        """How many records were handed over and have no number yet."""
        return self._waiting

    @property
    def ended(self) -> bool:
        """Whether nothing is written any more."""
        return not self._thread.is_alive()

    def stats(self) -> dict[str, int]:
        """Bytes that wait, records dropped, errors of the disk."""
        return {
            "spool_queue_bytes": self._bytes,
            "spool_dropped": self._dropped,
            "spool_errors": self._errors,
        }

    def close(self, timeout: float) -> bool:
        """Writes what is left and joins the thread; whether all was written. Safe twice."""
        if not self._home.here or self._thread.ident is None:
            return self._put == 0
        with self._cond:
            self._stop = True
            self._cond.notify_all()
        self._thread.join(timeout)
        with self._cond:
            self._ended = True
            self._cond.notify_all()
            left, told = self._waiting, self._told
            self._told = told or left > 0
            done = self._done(self._put)
        if left and not told:
            _log.error("%d records could not be written to the spool at the end", left)
        return done

    def _done(self, target: int) -> bool:
        """Whether all up to the item of that number is written or declared lost."""
        first = self._writing[0].number if self._writing else self._line.first
        return (first is None or first > target) and not self._undeclared

    @property
    def _undeclared(self) -> int:
        return self._losses.count + self._declaring.count

    def _shed(self) -> None:
        """Called with the lock held."""
        for item in self._line.shed(self._bytes - self._limit, self._put):
            self._bytes -= item.bytes
            self._lose(_NOT_TAKEN, item.drafts)
            if item.ticket is not None:
                self._handed.done(item.ticket)

    def _lose(self, reason: str, drafts: Sequence[Draft]) -> None:
        """Called with the lock held."""
        self._dropped += len(drafts)
        for draft in drafts:
            self._losses.add(reason, draft.schema.kind)

    # -------------------------------------------------------- the thread's own

    def _run(self) -> None:
        while self._take():
            while not self._write():
                if self._stop:
                    return
                with self._cond:
                    self._cond.wait_for(lambda: self._stop, _RETRY_S)

    def _take(self) -> bool:
        """Takes the next items, up to about 1 MiB; whether there is anything to write."""
        with self._cond:
            self._cond.wait_for(lambda: len(self._line) or self._undeclared or self._stop)
            self._cond.wait_for(
                lambda: self._hurry or self._stop or self._bytes > _TURN_BYTES, _GATHER_S
            )
            self._writing = self._line.take(_TURN_BYTES)
            if not len(self._line):
                self._hurry = False
            return bool(self._writing) or self._undeclared > 0

    def _write(self) -> bool:
        """Spools what is being written; whether that was all."""
        try:
            self._declare()
            self._append()
        except Exception as error:
            if not isinstance(error, OSError) and self._sift():
                return self._write()
            self._errors += 1
            if not self._failing:
                self._failing = True
                _log.error("the spool cannot be written (%s); kept in memory, tried again", error)
            return False
        if self._failing:
            self._failing = False
            _log.warning("the spool is written again")
        self._wake()
        return True

    def _declare(self) -> None:
        """Gives what was lost its numbers."""
        with self._cond:
            if not self._declaring.count:
                self._declaring = self._losses.take()
        count, before = self._declaring.count, self._spool.last_seq
        if not count:
            return
        try:
            self._spool.declare(count, self._declaring.cause())
        finally:
            if self._spool.last_seq > before:
                with self._cond:
                    self._declaring = Losses()
                    self._waiting -= count
                    self._cond.notify_all()

    def _append(self) -> None:
        before = self._spool.last_seq
        try:
            self._spool.append([draft for item in self._writing for draft in item.drafts])
        finally:
            self._finish(self._spool.last_seq - before)

    def _finish(self, written: int) -> None:
        """Ends the items whose drafts are among the first `written`."""
        ended = 0
        with self._cond:
            self._waiting -= written
            for item in self._writing:
                if len(item.drafts) > written:
                    item.drafts = item.drafts[written:]
                    break
                written -= len(item.drafts)
                ended += 1
                self._bytes -= item.bytes
            tickets = [i.ticket for i in self._writing[:ended] if i.ticket is not None]
            self._handed.done(*tickets, seq=self._spool.last_seq)
            del self._writing[:ended]
            self._cond.notify_all()

    def _sift(self) -> bool:
        """Gives up the drafts that cannot be encoded; whether there were any."""
        found = False
        for item in self._writing:
            checked = [(draft, _encodes(draft)) for draft in item.drafts]
            lost = [draft for draft, encodes in checked if not encodes]
            found |= bool(lost)
            with self._cond:
                first = bool(lost) and not self._dropped
                self._lose(_NOT_ENCODED, lost)
                item.drafts = [draft for draft, encodes in checked if encodes]
            if first:
                _tell_dropped()
        return found


def _tell_dropped() -> None:
    """Never with the lock held: a handler of Python's logging may itself wait for it."""
    _log.error("records are dropped: see the counts in stats()")


def _encodes(draft: Draft) -> bool:
    try:
        encode_block(0, 1, 0, 1, [draft])
    except Exception as error:
        schema = draft.schema
        _log.error(
            "a %s record of mode %r at step %d cannot be encoded and is dropped: %s",
            schema.kind.label,
            schema.mode,
            draft.step,
            error,
        )
        return False
    return True


def _travelling(draft: Draft) -> Draft:
    """`draft`, or an event in its place if no message could carry it."""
    size = draft_bytes(draft)
    if size <= MAX_DRAFT_BYTES:
        return draft
    keys = ", ".join(metric.key for metric in draft.schema.metrics[:3])
    text = (
        f"{draft.schema.kind.label} record of mode {draft.schema.mode!r} at step {draft.step} "
        f"({keys}) is {size} bytes: more than {MAX_DRAFT_BYTES} cannot be sent; log it in parts"
    )
    event = Event("too_large", text, draft.schema.mode)
    return body_draft(event, draft.time, draft.step, draft.epoch)

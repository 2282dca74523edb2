"""The thread between the fetch and the disk: bounded, and never in the way."""

import contextlib
import dataclasses
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from ..proto.codec import body_draft, encode_block
from ..proto.records import Draft, Event, Kind
from .forked import Home
from .handed import Handed
from .spool import Spool, draft_bytes

_log = logging.getLogger(__name__)

_GATHER_S = 0.05
_RETRY_S = 0.5
_TURN_BYTES = 1 << 20
MAX_DRAFT_BYTES = 3 << 20
"""A record whose columns are larger is replaced by an event that says so."""

_OBJECT_BYTES = 400  # about what Python itself takes for a draft that waits
_SHED_FIRST = (Kind.HOST, Kind.LOG)
_OTHERS = Kind.STEP


@dataclasses.dataclass(slots=True, eq=False)
class _Item:
    ticket: int | None
    drafts: list[Draft]
    bytes: int


class Spooler:
    """Writes drafts to the spool soon after they are put (thread ``podlog-spool``).

    What a stalled disk does not take is kept in memory up to `limit` bytes;
    beyond it the oldest host records go first, then log lines, then the rest,
    all counted. `put` may be called by any thread; `start` and `close` by the
    owner.

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
        self._queue: deque[_Item] = deque()
        self._by_kind: dict[Kind, deque[_Item]] = {k: deque() for k in (*_SHED_FIRST, _OTHERS)}
        self._bytes = 0
        self._put = self._done = 0
        self._hurry = self._stop = self._ended = False
        self._dropped = self._undeclared = self._errors = 0
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="podlog-spool", daemon=True)
        spool.on_gap = lambda gap: self.put(None, [body_draft(gap, time.time())])

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
        item = _Item(ticket, kept, size)
        with self._cond:
            if self._stop:
                self._dropped += len(kept)
                if ticket is not None:
                    self._handed.done(ticket)
                return
            self._queue.append(item)
            self._by_kind[_shed_class(item)].append(item)
            self._bytes += item.bytes
            self._put += 1
            if self._bytes > self._limit:
                self._shed()
            if len(self._queue) == 1 or self._bytes > _TURN_BYTES:
                self._cond.notify_all()

    def flush(self, timeout: float) -> int | None:
        """Waits until what was put is spooled; its last number, or None at the deadline."""
        self._home.check()
        with self._cond:
            target = self._put
            self._hurry = True
            self._cond.notify_all()
            self._cond.wait_for(lambda: self._done >= target or self._ended, timeout)
            if self._done < target:
                return None
        return self._spool.last_seq

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
        return self._done == self._put

    # -------------------------------------------------------- the thread's own

    def _run(self) -> None:
        while items := self._take():
            while not self._write(items):
                if self._stop:
                    return
                with self._cond:
                    self._cond.wait_for(lambda: self._stop, _RETRY_S)

    def _take(self) -> list[_Item]:
        """The next items, up to about 1 MiB; none: the thread is to end."""
        with self._cond:
            self._cond.wait_for(lambda: self._queue or self._stop)
            self._cond.wait_for(
                lambda: self._hurry or self._stop or self._bytes > _TURN_BYTES, _GATHER_S
            )
            items: list[_Item] = []
            size = 0
            while self._queue and size < _TURN_BYTES:
                item = self._queue.popleft()
                line = self._by_kind[_shed_class(item)]
                if line and line[0] is item:
                    line.popleft()
                items.append(item)
                size += item.bytes
            if not self._queue:
                self._hurry = False
            return items

    def _write(self, items: list[_Item]) -> bool:
        """Spools `items` and takes what is done off the list; whether that was all."""
        before = self._spool.last_seq
        try:
            self._spool.append([draft for item in items for draft in item.drafts])
        except Exception as error:
            self._finish(items, self._spool.last_seq - before)
            if not isinstance(error, OSError) and self._sift(items):
                return self._write(items)
            self._errors += 1
            if not self._failing:
                self._failing = True
                _log.error("the spool cannot be written (%s); kept in memory, tried again", error)
            return False
        if self._failing:
            self._failing = False
            _log.warning("the spool is written again")
        written = self._spool.last_seq - before
        self._declare()
        self._finish(items, written)
        self._wake()
        return True

    def _finish(self, items: list[_Item], written: int) -> None:
        """Ends the items whose drafts are among the first `written`."""
        ended = 0
        with self._cond:
            for item in items:
                if len(item.drafts) > written:
                    item.drafts = item.drafts[written:]
                    break
                written -= len(item.drafts)
                ended += 1
                self._bytes -= item.bytes
                if item.ticket is not None:
                    self._handed.done(item.ticket)
            del items[:ended]
            self._done += ended
            self._cond.notify_all()

    def _sift(self, items: list[_Item]) -> bool:
        """Drops the drafts that cannot be encoded; whether there were any."""
        found = False
        for item in items:
            kept = [draft for draft in item.drafts if self._encodes(draft)]
            found |= len(kept) < len(item.drafts)
            item.drafts = kept
        return found

    def _encodes(self, draft: Draft) -> bool:
        try:
            encode_block(0, 1, 0, 1, [draft])
        except Exception as error:
            schema = draft.schema
            self._drop(1)
            _log.error(
                "a %s record of mode %r at step %d cannot be encoded and is dropped: %s",
                schema.kind.label,
                schema.mode,
                draft.step,
                error,
            )
            return False
        return True

    def _shed(self) -> None:
        """Drops the oldest records until the rest fits; called with the lock held."""
        for kind in (*_SHED_FIRST, _OTHERS):
            line = self._by_kind[kind]
            while line and self._bytes > self._limit:
                item = line.popleft()
                self._bytes -= item.bytes
                self._drop(len(item.drafts))
                item.drafts, item.bytes = [], 0

    def _drop(self, count: int) -> None:
        with self._cond:
            if count and not self._dropped:
                _log.error("records are dropped: see the counts in stats()")
            self._dropped += count
            self._undeclared += count

    def _declare(self) -> None:
        with self._cond:
            count = self._undeclared
        if not count:
            return
        text = f"{count} records were dropped before they could be spooled"
        event = Event("records_dropped", text, fields={"count": str(count)})
        with contextlib.suppress(OSError):
            self._spool.append([body_draft(event, time.time())])
            with self._cond:
                self._undeclared -= count


def _shed_class(item: _Item) -> Kind:
    kind = item.drafts[0].schema.kind if item.drafts else _OTHERS
    return kind if kind in _SHED_FIRST else _OTHERS


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

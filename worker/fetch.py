"""The fetch thread: from values still on the device to drafts."""

import collections
import logging
import threading
from collections.abc import Callable

from ..proto.records import Draft, Kind
from .recorder import Found, PendingCall, Recorder

__all__ = ["Fetcher", "Found", "PendingCall", "Sink"]

_log = logging.getLogger(__name__)

MOST_CALLS = 4096
"""Calls of any kind that may wait for their values: a loop that logs faster is slowed down."""

Sink = Callable[[int, list[Draft], Found | None], None]
"""Takes (ticket, drafts, what is not finite or None); must not block or raise."""


class Fetcher:
    """Turns pending calls into drafts, in the order in which they were submitted.

    One thread, "podlog-fetch", started by `start` and joined by `close`. All
    methods may be called from any thread. A device error costs the values of
    its call, never the thread.

    Attributes:
        counters: running totals of `Counter` metrics by key.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        process: int = 0,
        process_count: int = 1,
        host: str = "",
        pending_steps: int = 64,
        max_payload: int = 64 << 20,
    ) -> None:
        """Makes a fetcher; `start` starts it.

        Args:
            sink: takes what becomes of each call, one call at a time, in order.
            process: index of this process, for events and digests.
            process_count: how many processes the job has.
            host: name of this machine, for events.
            pending_steps: so many STEP calls may wait before `submit` helps.
            max_payload: bytes of the largest metric.
        """
        self.counters: dict[str, int | float] = {}
        self._sink = sink
        self._pending_steps = pending_steps
        self._recorder = Recorder(process, process_count, host, max_payload, self.counters)
        self._queue: collections.deque[PendingCall] = collections.deque()
        self._open: set[int] = set()
        self._steps = 0
        self._helped = 0
        self._refused = 0
        self._closing = False
        self._changed = threading.Condition()
        self._work = threading.Lock()  # held while a call is taken and handled: keeps the order
        self._thread = threading.Thread(target=self._run, name="podlog-fetch", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, item: PendingCall) -> bool:
        """Takes a call; waits only if too many steps or calls pend, and then for the oldest.

        Returns:
            False after `close`: the call is refused and counted.
        """
        with self._changed:
            if self._closing:
                self._refused += 1
                return False
            self._queue.append(item)
            self._open.add(item.ticket)
            self._steps += item.kind is Kind.STEP
            self._changed.notify_all()
        most = self._pending_steps if item.kind is Kind.STEP else MOST_CALLS
        while self._steps > most or len(self._open) > MOST_CALLS:
            self._helped += 1
            self._handle_oldest()
        return True

    def wait(self, ticket: int, timeout: float) -> bool:
        """Waits until the call with `ticket` went to the sink; False at the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: ticket not in self._open, timeout)

    def fetched(self, ticket: int) -> bool:
        """Whether the call with `ticket` went to the sink; cheap."""
        return ticket not in self._open

    def drain(self, timeout: float) -> bool:
        """Waits until all that was submitted so far went to the sink."""
        with self._changed:
            waiting = set(self._open)
            return self._changed.wait_for(lambda: waiting.isdisjoint(self._open), timeout)

    @property
    def pending(self) -> int:
        """How many calls are not fetched yet."""
        return len(self._open)

    def forget_warnings(self) -> None:
        """Lets known problems and NaNs be announced again (a new training starts)."""
        self._recorder.forget_warnings()

    def stats(self) -> dict[str, int]:
        """Counts of calls (pending, fetched by the caller, refused), problems, failed fetches."""
        return {
            "pending": len(self._open),
            "fetched_by_caller": self._helped,
            "refused": self._refused,
            **self._recorder.counts,
        }

    def close(self, timeout: float) -> bool:
        """Fetches what is left and ends the thread; safe twice and without `start`.

        Returns:
            Whether everything went to the sink within `timeout` seconds.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._open

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                if not self._queue:
                    return
            self._handle_oldest()

    def _handle_oldest(self) -> None:
        with self._work:
            with self._changed:
                if not self._queue:
                    return
                item = self._queue.popleft()
            drafts, found = self._recorded(item)
            try:
                self._sink(item.ticket, drafts, found)
            except Exception:
                _log.exception("step %d of %s: its record is lost", item.step, item.mode)
            with self._changed:
                self._open.discard(item.ticket)
                self._steps -= item.kind is Kind.STEP
                self._changed.notify_all()

    def _recorded(self, item: PendingCall) -> tuple[list[Draft], Found | None]:
        try:
            return self._recorder.record(item)
        except Exception:
            _log.exception("step %d of %s: its record is lost", item.step, item.mode)
            return [], None

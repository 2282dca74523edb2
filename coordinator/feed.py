"""What hands rows to one tool: a thread, its retries, its counts."""

import dataclasses
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from ..proto.records import Event
from ..proto.rows import ConfigItem, FeedItem, Row
from .runners import Runner

_log = logging.getLogger(__name__)

BACKOFF_S = (0.1, 0.5, 2.0)
"""Waits before the second, third and fourth try of a call that raised."""


@dataclasses.dataclass(frozen=True, slots=True)
class FeedStats:
    """What became of the rows of one tool.

    Attributes:
        written: rows that the tool took.
        skipped: items given up after the tool raised on them again and again.
        ignored: late revisions that it does not want.
        raised: calls that raised, retries among them.
        error: the last thing raised, or "".
    """

    written: int = 0
    skipped: int = 0
    ignored: int = 0
    raised: int = 0
    error: str = ""


@dataclasses.dataclass
class _Finalize:
    status: str
    done: threading.Event = dataclasses.field(default_factory=threading.Event)
    over: bool = False


class Feed:
    """Feeds one tool on a thread of its own, so that no other tool ever waits for it.

    Life: `start`, then `submit` whenever `idle`, `finalize` as often as there
    are chapters, `close` once. All methods are thread-safe and return at once,
    except for the waits that `finalize` and `close` are given.

    A call that raises is tried again after each of `backoff`; then the rows
    of the call go to the tool one by one, and those that still raise are
    skipped, counted and reported.

    Args:
        name: the tool's name: its cursor is kept under it.
        runner: the tool.
        on_done: takes name, id of the last item taken and the tool's position
            then, after a batch and after `finalize`; on the feed's thread.
        on_event: takes what the run should know; on the feed's thread.
        cursor: id of the last item that the tool has taken.
        position: where the tool stood at `cursor`.
        backoff: waits between tries, in seconds.
    """

    def __init__(
        self,
        name: str,
        runner: Runner,
        on_done: Callable[[str, int, bytes], None],
        on_event: Callable[[Event], None],
        *,
        cursor: int = 0,
        position: bytes = b"",
        backoff: Sequence[float] = BACKOFF_S,
    ) -> None:
        self.name = name
        self._runner = runner
        self._on_done = on_done
        self._on_event = on_event
        self._taken = self._cursor = cursor
        self._position = position
        self._backoff = tuple(backoff)
        self._jobs: queue.SimpleQueue[Sequence[FeedItem] | _Finalize | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._busy = threading.Event()
        self._finalizing: _Finalize | None = None
        self._stats = FeedStats()
        self._thread = threading.Thread(target=self._run, name=f"podlog-feed-{name}", daemon=True)

    @property
    def idle(self) -> bool:
        """Whether a batch may be submitted."""
        return not self._busy.is_set() and not self._closing.is_set()

    @property
    def taken(self) -> int:
        """Id of the last item submitted: the next batch begins behind it."""
        return self._taken

    @property
    def finalized(self) -> bool:
        """Whether no end of a chapter is under way."""
        pending = self._finalizing
        return pending is None or pending.over

    def stats(self) -> FeedStats:
        """The counts so far."""
        stats, ignored = self._stats, self._runner.ignored
        return dataclasses.replace(stats, written=stats.written - ignored, ignored=ignored)

    def start(self) -> None:
        """Starts the thread, which opens the tool at its position."""
        self._thread.start()

    def submit(self, items: Sequence[FeedItem]) -> None:
        """Hands over a batch in order of id; only when `idle`, and not empty."""
        self._busy.set()
        self._taken = items[-1].id
        self._jobs.put(items)

    def begin_finalize(self, status: str) -> "_Finalize":
        """Queues the end of a chapter behind the batch that is in flight.

        Calling it on every feed before `finalize` on each lets them end side by side.
        """
        self._finalizing = _Finalize(status)
        self._jobs.put(self._finalizing)
        return self._finalizing

    def finalize(self, status: str, timeout: float) -> bool:
        """Ends a chapter, unless `begin_finalize` did, and waits for the tool.

        Returns:
            Whether the tool was through within `timeout` seconds.
        """
        pending = self._finalizing
        if pending is None or pending.status != status:
            pending = self.begin_finalize(status)
        done = pending.done.wait(timeout)
        if done:
            self._finalizing = None
        return done

    def close(self, timeout: float) -> bool:
        """Ends the thread and lets go of the tool; safe twice and without start.

        A batch in flight is given up at its next retry, or left to a tool that
        does not return: then its process is killed, if it has one.

        Returns:
            Whether the thread has ended within `timeout` seconds.
        """
        self._closing.set()
        self._jobs.put(None)
        if self._thread.ident is None:
            self._runner.close()
            return True
        deadline = time.monotonic() + timeout
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._runner.kill()
            self._thread.join(max(1.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            _log.warning("tool %s does not return; its thread is left behind", self.name)
        return not self._thread.is_alive()

    # ------------------------------------------------- on the feed's thread

    def _run(self) -> None:
        def open_tool() -> None:
            self._position = self._runner.open(self._position)

        if not self._try(open_tool):
            self._report("tool_failed", f"tool {self.name} cannot be started")
        while (job := self._jobs.get()) is not None:
            if isinstance(job, _Finalize):
                self._end_chapter(job)
            elif self._deliver(job):
                self._cursor = job[-1].id
                self._busy.clear()
                self._on_done(self.name, self._cursor, self._position)
        self._try(self._runner.close)

    def _deliver(self, items: Sequence[FeedItem]) -> bool:
        """Whether the batch is through; not so if the feed is closing."""
        for kind, run in itertools.groupby(items, type):
            group = list(run)
            parts = [group] if kind is Row else [[item] for item in group]
            for part in parts:
                if not self._give(part):
                    return False
        return True

    def _give(self, part: list[FeedItem]) -> bool:
        if self._attempt(part):
            return True
        for wait in self._backoff:
            if self._closing.wait(wait):
                return False
            if self._attempt(part):
                return True
        self._skip([item for item in part if len(part) == 1 or not self._attempt([item])])
        return True

    def _attempt(self, part: list[FeedItem]) -> bool:
        def call() -> None:
            self._position = self._runner.deliver(part)

        done = self._try(call)
        if done:
            rows = sum(isinstance(item, Row) for item in part)
            self._stats = dataclasses.replace(self._stats, written=self._stats.written + rows)
        return done

    def _skip(self, items: list[FeedItem]) -> None:
        """Counts and reports; not for an event, which would bring forth the next one."""
        self._stats = dataclasses.replace(self._stats, skipped=self._stats.skipped + len(items))
        match items:
            case [Row(key), *others]:
                what = f"the {key.kind.label} row of mode {key.mode!r} at step {key.step}"
                if others:
                    what += f" and {len(others)} more"
            case [ConfigItem(), *_]:
                what = "a config"
            case _:
                return
        self._report("tool_skipped", f"tool {self.name} was not given {what}")

    def _end_chapter(self, job: _Finalize) -> None:
        def call() -> None:
            self._position = self._runner.finalize(job.status)

        if not self._try(call):
            self._report("tool_failed", f"tool {self.name} raised in finalize")
        job.over = True
        self._on_done(self.name, self._cursor, self._position)
        job.done.set()

    def _report(self, name: str, what: str) -> None:
        text = f"{what}: {self._stats.error}"
        self._on_event(Event(name, text, fields={"tool": self.name}))

    def _try(self, call: Callable[[], None]) -> bool:
        try:
            call()
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
            self._stats = dataclasses.replace(
                self._stats, raised=self._stats.raised + 1, error=text
            )
            _log.warning("tool %s raised %s", self.name, text, exc_info=True)
            return False
        return True

"""What hands rows to one tool: a thread, its retries, its counts."""

import dataclasses
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from ..proto.backoff import Backoff
from ..proto.records import Event
from ..proto.rows import ConfigItem, FeedItem, Row
from .patience import ClosingError, Patience
from .runners import Runner
from .takenstore import Cursor

_log = logging.getLogger(__name__)

TRIES = 4
"""How often a call is made that raises something that is the tool's own fault."""

DEATHS = 3
"""How often the tool's own process may die at one row."""

REOPEN_S = (10.0, 300.0)
"""The first and the longest wait before a tool that could not be started is tried again."""


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


@dataclasses.dataclass(frozen=True, slots=True)
class _End:
    status: str
    chapter: int


class Feed:
    """Feeds one tool on a thread of its own, so that no other tool ever waits for it.

    Life: `start`, then `submit` and `end_chapter`, each only when `on_done` has
    answered the one before and that is committed; `close` once. All methods
    are thread-safe and return at once, except for `close`.

    A call that raises an OSError is made again until it works: what the tool
    needs is away. One that raises anything else is made `TRIES` times; then
    the rows of the call go to the tool one by one, and those that still raise
    are skipped, counted and reported, as are those at which the tool's process
    died `DEATHS` times. A tool that cannot be started keeps its cursor.

    Args:
        name: the tool's name: its cursor is kept under it.
        runner: the tool.
        on_done: takes name and cursor, when the tool is open, after a batch
            and after the end of a chapter; on the feed's thread.
        on_event: takes what the run should know; on the feed's thread.
        taken: the cursor as committed last.
        config: told to the tool before anything else.
        backoff: the first and the longest wait between two tries, in seconds.

    Attributes:
        failed: the tool cannot be started.
    """

    def __init__(
        self,
        name: str,
        runner: Runner,
        on_done: Callable[[str, Cursor], None],
        on_event: Callable[[Event], None],
        *,
        taken: Cursor | None = None,
        config: ConfigItem | None = None,
        backoff: tuple[float, float] = (0.1, 30.0),
    ) -> None:
        self.name = name
        self.failed = False
        self._runner = runner
        self._on_done = on_done
        self._on_event = on_event
        self._taken = taken or Cursor()
        self._config = config
        self._position = self._taken.position
        self._jobs: queue.SimpleQueue[Sequence[FeedItem] | _End | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._patience = Patience(name, backoff, self._closing, self._report)
        self._written = self._skipped = 0
        self._thread = threading.Thread(target=self._run, name=f"podlog-feed-{name}", daemon=True)

    def stats(self) -> FeedStats:
        """The counts so far."""
        ignored, patience = self._runner.ignored, self._patience
        written = self._written - ignored
        return FeedStats(written, self._skipped, ignored, patience.raised, patience.error)

    @property
    def problem(self) -> str:
        """What it raises now; "" if it is well."""
        problem = self._patience.problem
        return f"cannot be started: {problem}" if self.failed else problem

    def in_call(self) -> float:
        """For how many seconds the tool has not returned from a call."""
        since = self._patience.since
        return 0.0 if since is None else time.monotonic() - since

    def start(self) -> None:
        """Starts the thread, which opens the tool at its position."""
        self._thread.start()

    def submit(self, items: Sequence[FeedItem]) -> None:
        """Hands over a batch, not empty, in order of id."""
        self._jobs.put(items)

    def end_chapter(self, status: str, chapter: int) -> None:
        """Has the tool told that a chapter is over."""
        self._jobs.put(_End(status, chapter))

    def stop(self) -> None:
        """Begins to close: what raises now is not repeated."""
        self._closing.set()
        self._jobs.put(None)

    def close(self, timeout: float) -> bool:
        """Ends the thread and lets go of the tool; safe twice and without start.

        A batch in flight is given up at its next retry, or left to a tool that
        does not return: then its process is killed, if it has one.

        Returns:
            Whether the thread has ended, about `timeout` seconds later at most.
        """
        self.stop()
        if self._thread.ident is None:
            self._runner.close()
            return True
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._runner.kill()
            self._thread.join(1.0)
        if self._thread.is_alive():
            _log.warning("tool %s does not return; its thread is left behind", self.name)
        return not self._thread.is_alive()

    # ------------------------------------------------- on the feed's thread

    def _run(self) -> None:
        try:
            self._open()
            self._done(self._taken.id)
            while (job := self._jobs.get()) is not None:
                if isinstance(job, _End):
                    self._end(job.status)
                    self._done(self._taken.id, job.chapter)
                else:
                    self._deliver(job)
                    self._done(job[-1].id)
        except ClosingError:
            _log.info("tool %s is left at item %d", self.name, self._taken.id)
        self._patience.once(self._runner.close)

    def _done(self, number: int, told: int = 0) -> None:
        self._taken = Cursor(number, self._position, max(told, self._taken.told))
        self._on_done(self.name, self._taken)

    def _open(self) -> None:
        pauses = Backoff(*REOPEN_S)
        while not self._patience.insist(self._reopen, tries=1, deaths=1):
            if not self.failed:
                self.failed = True
                self._fail("cannot be started")
            self._patience.wait(pauses.next())
        if self.failed:
            self.failed = False
            self._report("tool_back", "could be started after all")
        if self._config is not None:
            self._give([self._config])

    def _reopen(self) -> None:
        begun = self._taken != Cursor()
        self._position = self._runner.open(self._position or (None if begun else b""))

    def _end(self, status: str) -> None:
        def call() -> None:
            self._position = self._runner.finalize(status)

        if not self._patience.insist(call, tries=1, deaths=DEATHS):
            self._fail("raised in finalize")
            self._patience.once(self._reopen)  # it may have done half of it

    def _deliver(self, items: Sequence[FeedItem]) -> None:
        for kind, run in itertools.groupby(items, type):
            group = list(run)
            for part in [group] if kind is Row else [[item] for item in group]:
                self._give(part)

    def _give(self, part: list[FeedItem]) -> None:
        alone = len(part) == 1
        if self._hand(part, tries=TRIES, deaths=DEATHS if alone else 1):
            return
        skipped = [i for i in part if alone or not self._hand([i], tries=1, deaths=DEATHS)]
        if skipped:
            self._skip(skipped)

    def _hand(self, part: list[FeedItem], *, tries: int, deaths: int) -> bool:
        def call() -> None:
            self._position = self._runner.deliver(part)

        rows = sum(isinstance(item, Row) for item in part)
        quiet = rows == 0  # an event about an event would bring forth the next one
        done = self._patience.insist(call, tries=tries, deaths=deaths, quiet=quiet)
        self._written += rows if done else 0
        return done

    def _skip(self, items: list[FeedItem]) -> None:
        self._skipped += len(items)
        match items:
            case [Row(key), *others]:
                what = f"the {key.kind.label} row of mode {key.mode!r} at step {key.step}"
                if others:
                    what += f" and {len(others)} more"
            case [ConfigItem(), *_]:
                what = "a config"
            case _:
                return
        self._report("tool_skipped", f"was not given {what}: {self._patience.error}")

    def _fail(self, what: str) -> None:
        self._report("tool_failed", f"{what}: {self._patience.error}")

    def _report(self, name: str, text: str) -> None:
        event = Event(name, f"tool {self.name} {text}", fields={"tool": self.name})
        self._on_event(event)

"""All feeds of a run: hands each what it has not taken yet, commits its cursor."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from ..proto.records import Event
from ..proto.rows import Row
from .feed import Feed, FeedStats
from .journal import Journal
from .runners import Runner
from .textlog import TextLog

BATCH = 256
LINES = 1024

Post = Callable[[Callable[[], None]], None]


@dataclasses.dataclass(eq=False)
class _Fed:
    """One feed, what it has taken, and whether it heard the end of its last rows."""

    feed: Feed
    taken: int
    told: bool = False


class Feeds:
    """The tools of a run and its ``output.log``. Owned by the state thread.

    Args:
        journal: where items come from and cursors go.
        post: hands a call to the state thread; from any thread.
        on_event: takes what a tool met; called on the state thread.
    """

    def __init__(self, journal: Journal, post: Post, on_event: Callable[[Event], None]) -> None:
        self._journal = journal
        self._post = post
        self._on_event = on_event
        self._fed: dict[str, _Fed] = {}
        self._log: TextLog | None = None
        self._written = self._last_line = 0

    def add(self, name: str, runner: Runner) -> None:
        """Starts a tool's feed from its cursor in the journal."""
        cursor, position = self._journal.cursor(name)
        feed = Feed(
            name, runner, self._on_done, self._on_feed_event, cursor=cursor, position=position
        )
        self._fed[name] = _Fed(feed, cursor)
        feed.start()

    def open_log(self, path: Path, *, window: float) -> None:
        """Starts ``output.log``; equal lines within `window` seconds become one."""
        cursor, position = self._journal.cursor("output")
        self._written = self._last_line = cursor
        self._log = TextLog(
            "output", path, self._on_lines, cursor=cursor, position=position, window=window
        )
        self._log.start()

    def pump(self, before: int | None) -> None:
        """Hands each idle feed its next items, none with an id of `before` or more."""
        last = self._last(before)
        for fed in self._fed.values():
            if not fed.feed.idle or fed.feed.taken >= last:
                continue
            items = [i for i in self._journal.rows_after(fed.feed.taken, BATCH) if i.id <= last]
            if items:
                fed.told = fed.told and not any(isinstance(item, Row) for item in items)
                fed.feed.submit(items)

    def pump_lines(self) -> None:
        """Hands ``output.log`` its next lines."""
        if self._log is None or not self._log.idle:
            return
        lines = self._journal.lines_after(self._log.taken, LINES)
        if lines:
            self._last_line = lines[-1].id
            self._log.submit(lines)

    def caught_up(self, before: int | None) -> bool:
        """Whether every tool has taken everything below `before`."""
        last = self._last(before)
        return all(fed.feed.idle and fed.taken >= last for fed in self._fed.values())

    def lines_written(self) -> bool:
        """Whether all lines handed to ``output.log`` are in it."""
        return self._log is None or self._written >= self._last_line

    def begin_finalize(self, status: str) -> None:
        """Tells each tool the end of a chapter, unless no row came since the last."""
        for fed in self._fed.values():
            if not fed.told:
                fed.told = True
                fed.feed.begin_finalize(status)

    def finalized(self) -> bool:
        """Whether no tool is about to finalize."""
        return all(fed.feed.finalized for fed in self._fed.values())

    def behind(self) -> list[str]:
        """Names of the tools that have not taken everything, or not finalized."""
        last = self._journal.last_id()
        return [
            name
            for name, fed in self._fed.items()
            if fed.taken < last or not fed.feed.idle or not fed.feed.finalized
        ]

    def stats(self) -> dict[str, FeedStats]:
        """The counts of each tool by name."""
        return {name: fed.feed.stats() for name, fed in self._fed.items()}

    def close(self, timeout: float) -> None:
        """Ends all feeds within about `timeout` seconds together."""
        deadline = time.monotonic() + timeout
        for fed in self._fed.values():
            fed.feed.close(max(0.1, deadline - time.monotonic()))
        if self._log is not None:
            self._log.close(max(1.0, deadline - time.monotonic()))

    def _last(self, before: int | None) -> int:
        return self._journal.last_id() if before is None else before - 1

    def _on_done(self, name: str, cursor: int, position: bytes) -> None:
        self._post(lambda: self._commit(name, cursor, position))

    def _on_lines(self, name: str, cursor: int, position: bytes) -> None:
        self._post(lambda: self._commit_lines(name, cursor, position))

    def _on_feed_event(self, event: Event) -> None:
        self._post(lambda: self._on_event(event))

    def _commit(self, name: str, cursor: int, position: bytes) -> None:
        fed = self._fed[name]
        fed.taken = max(fed.taken, cursor)
        self._journal.set_cursor(name, fed.taken, position)

    def _commit_lines(self, name: str, cursor: int, position: bytes) -> None:
        self._written = cursor
        self._journal.set_cursor(name, cursor, position)
        self._journal.delete_lines_up_to(cursor)

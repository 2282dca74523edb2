"""All feeds of a run: hands each what it has not taken yet, commits its cursor."""

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..proto.records import Event
from .feed import Feed, FeedStats
from .journal import Cursor, Journal
from .outputlog import OutputLog
from .runners import Runner

BATCH = 256
LINES = 1024

OUTPUT = "output"
"""The name under which the cursor of ``output.log`` is kept."""

Post = Callable[[Callable[[], None]], None]


class Standing(NamedTuple):
    """How one tool stands.

    Attributes:
        name: the tool's.
        behind: rows, events and configs that it has not taken.
        problem: what is wrong with it now; "" if it is well.
        skipped: items given up.
    """

    name: str
    behind: int
    problem: str
    skipped: int


@dataclasses.dataclass(eq=False)
class _Fed:
    """One feed, how far it is as committed, and what it has been asked for since.

    Nothing more is asked for while `asked`: so a kill leaves at most one batch,
    or one end of a chapter, behind the committed position.
    """

    feed: Feed
    taken: Cursor
    asked: bool = True
    left: bool = False
    stuck: bool = False

    def waits_for(self, last: int) -> bool:
        """Whether it has not taken everything up to `last`, and still may."""
        return not self.excused() and (self.asked or self.taken.id < last)

    def excused(self) -> bool:
        """Whether nobody waits for it."""
        return self.left or self.feed.failed

    def standing(self, last: int) -> Standing:
        """How it stands while the last item is `last`."""
        feed, problem = self.feed, self.feed.problem
        if self.stuck:
            problem = f"has not returned for {feed.in_call():.0f} s"
        elif self.left and not problem:
            problem = "was not told the end in time"
        return Standing(feed.name, max(0, last - self.taken.id), problem, feed.stats().skipped)


class Feeds:
    """The tools of a run and its ``output.log``. Owned by the state thread.

    Everything belongs into a transaction of the journal, except for `pump` and
    `pump_lines`, which follow it.

    Args:
        journal: where items come from and cursors go.
        post: hands a call to the state thread; from any thread.
        on_event: takes what a tool met; called on the state thread.
        timeout_s: how long a call of a tool may take before it is named.
    """

    def __init__(
        self,
        journal: Journal,
        post: Post,
        on_event: Callable[[Event], None],
        timeout_s: float = 60.0,
    ) -> None:
        self._journal = journal
        self._post = post
        self._on_event = on_event
        self._timeout_s = timeout_s
        self._fed: dict[str, _Fed] = {}
        self._ending: tuple[str, int] | None = None
        self._log: OutputLog | None = None
        self._written = Cursor()
        self._last_line = 0

    def add(self, name: str, runner: Runner) -> None:
        """Starts a tool's feed from its cursor in the journal."""
        taken = self._journal.cursor(name)
        config = self._journal.newest_config()
        if config is not None and config.id > taken.id:
            config = None  # it is still to come
        feed = Feed(name, runner, self._on_done, self._on_feed_event, taken=taken, config=config)
        self._fed[name] = _Fed(feed, taken)
        feed.start()

    def open_log(self, path: Path, *, window: float) -> None:
        """Starts ``output.log``; equal lines within `window` seconds become one.

        Where it begins is committed before its first line is written.
        """
        taken = self._journal.cursor(OUTPUT)
        if not taken.position:
            size = path.stat().st_size if path.exists() else 0
            taken = Cursor(taken.id, json.dumps([size, []]).encode())
            self._set_cursor(OUTPUT, taken)
        self._written, self._last_line = taken, taken.id
        self._log = OutputLog(
            path, self._on_lines, cursor=taken.id, position=taken.position, window=window
        )
        self._log.start()

    def recall(self) -> None:
        """Commits again what may have been undone with a turn."""
        self._ending = None
        for name, fed in self._fed.items():
            self._set_cursor(name, fed.taken)
        if self._log is not None:
            self._set_cursor(OUTPUT, self._written)

    def pump(self, before: int | None) -> None:
        """Hands each feed its next items, none with an id of `before` or more, or the end."""
        last = self._last(before)
        for fed in self._fed.values():
            if fed.asked:
                self._watch(fed)
                continue
            items = []
            if fed.taken.id < last:
                found = self._journal.rows_after(fed.taken.id, BATCH)
                items = [item for item in found if item.id <= last]
            if items:
                fed.asked = True
                fed.feed.submit(items)
            elif self._ending is not None and fed.taken.told < self._ending[1]:
                fed.asked = True
                fed.feed.end_chapter(*self._ending)

    def pump_lines(self) -> None:
        """Hands ``output.log`` its next lines."""
        log = self._log
        while log is not None and log.idle:
            lines = self._journal.lines_after(log.taken, LINES)
            if not lines:
                return
            self._last_line = lines[-1].id
            log.submit(lines)

    def lines_handed(self) -> bool:
        """Whether ``output.log`` has been handed all lines: it writes them when it is closed."""
        return self._log is None or not self._journal.lines_after(self._log.taken, 1)

    def lines_written(self) -> bool:
        """Whether all lines are in ``output.log``."""
        return self.lines_handed() and self._written.id >= self._last_line

    def end_chapter(self, status: str, chapter: int) -> None:
        """From now on each tool that has taken everything is told that a chapter is over.

        Once: a tool that was told before a restart is not told again.
        """
        self._ending = (status, chapter)

    def ended(self, chapter: int) -> bool:
        """Whether each tool was told the end, those aside that were left or cannot be started."""
        last = self._journal.last_id()
        return all(
            fed.excused() or (not fed.waits_for(last) and fed.taken.told >= chapter)
            for fed in self._fed.values()
        )

    def leave(self, chapter: int) -> list[str]:
        """Waits no longer for tools that were not told the end; returns their names.

        One that moves on is waited for again, in the next chapter.
        """
        self._ending = None
        last, left = self._journal.last_id(), []
        for name, fed in self._fed.items():
            if fed.waits_for(last) or fed.taken.told < chapter:
                fed.left = True
                left.append(name)
        return left

    def stats(self) -> dict[str, FeedStats]:
        """The counts of each tool by name."""
        return {name: fed.feed.stats() for name, fed in self._fed.items()}

    def standings(self) -> list[Standing]:
        """How each tool stands, in the order in which they were added."""
        last = self._journal.last_id()
        return [fed.standing(last) for fed in self._fed.values()]

    def close(self, timeout: float) -> None:
        """Ends all feeds, within about `timeout` seconds together."""
        deadline = time.monotonic() + timeout
        for fed in self._fed.values():
            fed.feed.stop()
        for fed in self._fed.values():
            fed.feed.close(0.1 if fed.left else max(0.1, deadline - time.monotonic()))
        if self._log is not None:
            self._log.close(max(1.0, deadline - time.monotonic()))

    def _last(self, before: int | None) -> int:
        return self._journal.last_id() if before is None else before - 1

    def _set_cursor(self, name: str, taken: Cursor) -> None:
        self._journal.set_cursor(name, taken.id, taken.position, taken.told)
        if name == OUTPUT:
            self._journal.delete_lines_up_to(taken.id)

    def _watch(self, fed: _Fed) -> None:
        """Names a tool whose call does not return, once: its thread cannot be ended."""
        lasts = fed.feed.in_call()
        if lasts < self._timeout_s or fed.stuck:
            return
        fed.stuck = True
        name = fed.feed.name
        text = f"tool {name} has not returned for {lasts:.0f} s"
        self._on_feed_event(Event("tool_stuck", text, fields={"tool": name}))

    def _on_done(self, name: str, taken: Cursor) -> None:
        self._post(lambda: self._commit(name, taken))

    def _on_lines(self, cursor: int, position: bytes) -> None:
        self._post(lambda: self._commit_lines(Cursor(cursor, position)))

    def _on_feed_event(self, event: Event) -> None:
        self._post(lambda: self._on_event(event))

    def _commit(self, name: str, taken: Cursor) -> None:
        fed = self._fed[name]
        fed.taken, fed.asked, fed.left, fed.stuck = taken, False, False, False
        self._set_cursor(name, taken)

    def _commit_lines(self, taken: Cursor) -> None:
        self._written = taken
        self._set_cursor(OUTPUT, taken)

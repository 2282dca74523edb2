"""The end of a chapter: all rows given out, all tools told, or the time is over."""

from ..proto.records import Event, Verdict
from .feeds import Feeds
from .intake import Intake
from .rows import Rows


class Settling:
    """Drains rows and feeds, then finalizes the tools. Owned by the state thread.

    Each tool is told as soon as it has taken everything: none waits for another.

    Args:
        rows, feeds, intake: of the run.
        verdict: what the tools are told.
        deadline: monotonic time at which tools that are not through are left.
        lines: whether ``output.log`` must be written too; else that may wait for its end.
    """

    def __init__(
        self,
        rows: Rows,
        feeds: Feeds,
        intake: Intake,
        *,
        verdict: Verdict,
        deadline: float,
        lines: bool = False,
    ) -> None:
        self.deadline = deadline
        self._rows = rows
        self._feeds = feeds
        self._intake = intake
        self._status, self._chapter = verdict.status, verdict.chapter
        self._lines = lines
        self._flushed = False

    def advance(self, now: float) -> bool:
        """Takes the next step that can be taken; true when it is over."""
        if not self._flushed:
            self._flushed = True
            self._rows.advance(now, flush=True)

        if self._rows.before() is None:
            self._feeds.end_chapter(self._status, self._chapter)
            feeds = self._feeds
            through = feeds.lines_written() if self._lines else feeds.lines_handed()
            if feeds.ended(self._chapter) and through:
                return True
        if now < self.deadline:
            return False
        behind = self._feeds.leave(self._chapter)
        text = f"not through at the end: {', '.join(behind) or 'output.log'}"
        self._intake.event(Event("tool_late", text))
        return True

"""The end of a chapter: all rows given out, all tools told, or the time is over."""

from ..proto.records import Event
from .fate import Fate
from .feeds import Feeds
from .intake import Intake
from .rows import Rows


class Settling:
    """Drains rows and feeds, then finalizes the tools. Owned by the state thread.

    Each tool is told as soon as it has taken everything: none waits for another.
    The chapter's verdict is the last event of tools, and the last line of
    ``output.log``.

    Args:
        rows, feeds, intake, fate: of the run.
        deadline: monotonic time at which tools that are not through are left.
        lines: whether ``output.log`` must be written too; else that may wait for its end.
    """

    def __init__(
        self,
        rows: Rows,
        feeds: Feeds,
        intake: Intake,
        fate: Fate,
        *,
        deadline: float,
        lines: bool = False,
    ) -> None:
        self.deadline = deadline
        self._rows = rows
        self._feeds = feeds
        self._intake = intake
        self._fate = fate
        self._verdict = fate.verdict()
        self._lines = lines
        self._flushed = self._told = False

    def advance(self, now: float) -> bool:
        """Takes the next step that can be taken; true when it is over."""
        if not self._flushed:
            self._flushed = True
            self._rows.advance(now, flush=True)

        if not self._told:
            self._told = self._tell()
            if not self._told and now < self.deadline:
                return False
            if not self._told:
                behind = self._feeds.leave(self._verdict.chapter)
                text = f"not through at the end: {', '.join(behind) or 'output.log'}"
                self._intake.event(Event("tool_late", text))
            self._fate.chapters.close()
            if not (self._told and self._lines):
                return True
        return self._feeds.lines_written() or now >= self.deadline

    def _tell(self) -> bool:
        """Has tools that took everything told the end; true when all are, and all lines out."""
        if self._rows.before() is not None:
            return False
        self._fate.announce()
        self._feeds.end_chapter(self._verdict.status, self._verdict.chapter)
        written = self._feeds.lines_written() if self._lines else self._feeds.lines_handed()
        return self._feeds.ended(self._verdict.chapter) and written

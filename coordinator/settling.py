"""The end of a chapter: all rows given out, all tools told, or the time is over."""

from ..proto.records import Event
from .feeds import Feeds
from .intake import Intake
from .rows import Rows


class Settling:
    """Drains rows and feeds, then finalizes the tools. Owned by the state thread.

    Args:
        rows, feeds, intake: of the run.
        status: what the tools are told.
        deadline: monotonic time at which tools that are not through are left.
        lines: whether ``output.log`` must be complete too.
    """

    def __init__(
        self,
        rows: Rows,
        feeds: Feeds,
        intake: Intake,
        *,
        status: str,
        deadline: float,
        lines: bool = False,
    ) -> None:
        self.deadline = deadline
        self._rows = rows
        self._feeds = feeds
        self._intake = intake
        self._status = status
        self._lines = lines
        self._flushed = False
        self._told = False

    def advance(self, now: float) -> bool:
        """Takes the next step that can be taken; true when it is over."""
        if not self._flushed:
            self._flushed = True
            self._rows.advance(now, flush=True)

        late = now >= self.deadline
        behind = self._feeds.behind() if late else []
        before = self._rows.before()
        if not self._told and (late or (before is None and self._feeds.caught_up(None))):
            self._told = True
            self._feeds.begin_finalize(self._status)
        if not self._told:
            return False
        if self._feeds.finalized() and (not self._lines or self._feeds.lines_written()):
            return True
        if late:
            text = f"not through at the end: {', '.join(behind) or 'output.log'}"
            self._intake.event(Event("tool_late", text))
        return late

"""How a feed reaches its tool: the `Runner` seam, and the one in this process."""

from collections.abc import Sequence
from typing import Protocol

from ..proto.errors import PodlogError
from ..proto.rows import ConfigItem, EventItem, FeedItem, Row
from ..proto.tool import LoggerTool


class ToolDiedError(PodlogError):
    """A tool's own process ended, or was killed, within a call."""


class Runner(Protocol):
    """One tool, wherever it runs. Called by one thread, except `kill`.

    Any call may raise: an OSError if what the tool needs is away (a disk, a
    server), `ToolDiedError` if its process is gone, else what the tool raised. The
    feed decides what then.
    """

    @property
    def ignored(self) -> int:
        """Late revisions that the tool does not want and was not given."""

    def open(self, position: bytes | None) -> bytes:
        """Makes the tool go back to `position`; returns where it stands then.

        Called before everything else, and again after `finalize` failed.

        Args:
            position: b"": nothing of this run was written. None: something
                was, by a tool that knows no positions.
        """

    def deliver(self, items: Sequence[FeedItem]) -> bytes:
        """Hands over items of one type; returns the tool's position then."""

    def finalize(self, status: str) -> bytes:
        """Ends a chapter; returns the tool's position."""

    def close(self) -> None:
        """Lets go of the tool; safe twice."""

    def kill(self) -> None:
        """Ends a call that does not return, if that can be done. From any thread."""


class ThreadRunner:
    """A tool in this process, called on its feed's thread."""

    def __init__(self, tool: LoggerTool) -> None:
        self._tool = tool
        self._ready = self._ready_then = False
        self._position = b""
        self._dirty = False
        self.ignored = 0

    def open(self, position: bytes | None) -> bytes:
        """Makes the tool go back to `position`, unless that is None."""
        self._ready = False
        if position is not None:
            self._tool.rewind_to(position)
        return self._stand()

    def deliver(self, items: Sequence[FeedItem]) -> bytes:
        """Hands over rows, or an event, or a config; `setup` comes before the first row.

        After a call that raised, the tool is first told to go back to where it
        was before that, if it knows positions.
        """
        if self._dirty and self._position:
            self._tool.rewind_to(self._position)
            self._ready = self._ready_then
        self._dirty = True
        match items[0]:
            case Row():
                self._write([item for item in items if isinstance(item, Row)])
            case ConfigItem(_, config):
                self._tool.log_run_config(config)
            case EventItem() as event:
                self._tool.log_event(event)
        return self._stand()

    def finalize(self, status: str) -> bytes:
        """Ends a chapter: a row after it calls `setup` again."""
        self._ready = False
        self._tool.finalize(status)
        return self._stand()

    def close(self) -> None:
        """Nothing to let go of: the tool belongs to who made it."""

    def kill(self) -> None:
        """Cannot be done to a thread."""

    def _stand(self) -> bytes:
        self._position, self._ready_then = self._tool.position(), self._ready
        self._dirty = False
        return self._position

    def _write(self, rows: list[Row]) -> None:
        wanted = [row for row in rows if row.revision == 0 or self._tool.revise == "replace"]
        if not self._ready:
            self._tool.setup()
            self._ready = True
        if wanted:
            self._tool.write(wanted)
        self.ignored += len(rows) - len(wanted)

"""`MemoryLogger`: keeps what it is given, for tests."""

import dataclasses
import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ...proto.config import LoggerToolsConfig
from ...proto.rows import EventItem, Row
from ...proto.tool import LoggerTool


@dataclasses.dataclass(kw_only=True)
class MemoryLoggerConfig(LoggerToolsConfig):
    """Settings of a `MemoryLogger`: none. Of use only in the coordinator's process."""

    def create(self, logger: Any) -> "MemoryLogger":  # noqa: ARG002
        """Makes the tool."""
        return MemoryLogger()


class MemoryLogger(LoggerTool):
    """Keeps rows, configs and events; another thread may wait for them.

    Attributes:
        rows: all rows, late revisions too, in the order given.
        calls: (metrics, step, epoch, mode) of each `log_metrics`, which
            `write` calls for rows that are no late revisions.
        configs: what `log_config` was given.
        events: what `log_event` was given.
        setups: how often `setup` was called.
        statuses: what `finalize` was given.
    """

    revise: ClassVar[str] = "replace"
    media: ClassVar[bool] = True
    per_process: ClassVar[bool] = True

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.calls: list[tuple[dict[str, Any], int, int, str]] = []
        self.configs: list[Any] = []
        self.events: list[EventItem] = []
        self.setups = 0
        self.statuses: list[str] = []
        self._changed = threading.Condition()

    def wait_for(self, true: Callable[["MemoryLogger"], bool], timeout: float = 10.0) -> bool:
        """Waits until ``true(self)``, looked at after each call; False at the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: true(self), timeout)

    def log_config(self, config: Any) -> None:
        """Keeps the config."""
        self._add(self.configs, [config])

    def setup(self) -> None:
        """Counts."""
        with self._changed:
            self.setups += 1
            self._changed.notify_all()

    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
        """Keeps the arguments."""
        self._add(self.calls, [(metrics, step, epoch, mode)])

    def write(self, rows: Sequence[Row]) -> None:
        """Keeps the rows."""
        super().write([row for row in rows if row.revision == 0])
        self._add(self.rows, rows)

    def log_event(self, event: EventItem) -> None:
        """Keeps the event."""
        self._add(self.events, [event])

    def finalize(self, status: str) -> None:
        """Keeps the status."""
        self._add(self.statuses, [status])

    def _add(self, to: list[Any], items: Sequence[Any]) -> None:
        with self._changed:
            to.extend(items)
            self._changed.notify_all()

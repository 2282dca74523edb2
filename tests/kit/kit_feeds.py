"""A feed over a tool that behaves as a test tells it to."""

import queue
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

from podlog.coordinator.feed import Feed
from podlog.coordinator.journal import Cursor
from podlog.coordinator.runners import ThreadRunner
from podlog.proto.records import Event, Kind
from podlog.proto.rows import EventItem, FeedItem, Row, RowKey
from podlog.proto.tool import LoggerTool


def make_row(number: int, *, revision: int = 0) -> Row:
    key = RowKey(1, "train", number, Kind.STEP, 0)
    return Row(key, revision, 0, 0.0, {"loss": float(number)}, id=number)


def make_event(number: int) -> EventItem:
    return EventItem(number, 1, 0, number, 0.0, Event("nan", "text"))


class Recorder(LoggerTool):
    """Notes every call; raises as told; may know positions."""

    error: BaseException | None = None

    def __init__(self, bad: Sequence[int] = (), failures: int = 10**9) -> None:
        self.calls: list[Any] = []
        self.bad = bad
        self.failures = failures

    def log_config(self, config: Any) -> None:
        self.calls.append(("config", config))

    def setup(self) -> None:
        self.calls.append("setup")

    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
        if step in self.bad and self.failures:
            self.failures -= 1
            raise self.error or ValueError(f"no {step}")
        self.calls.append(step)

    def log_event(self, event: EventItem) -> None:
        self.calls.append(("event", event.id))

    def finalize(self, status: str) -> None:
        self.calls.append(status)


class Positioned(Recorder):
    """Knows how much it has written."""

    def position(self) -> bytes:
        return b"%d" % len(self.calls)

    def rewind_to(self, position: bytes) -> None:
        del self.calls[int(position or 0) :]


class Replacing(Recorder):
    revise: ClassVar[str] = "replace"


class Blocking(Recorder):
    """Does not return from `log_metrics` until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
        self.entered.set()
        assert self.let_go.wait(30)


class Fed:
    """A feed over a tool, with what it reported."""

    def __init__(self, tool: LoggerTool, *, opens: bool = True, **kwargs: Any) -> None:
        self.done: queue.SimpleQueue[Cursor] = queue.SimpleQueue()
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        kwargs = {"backoff": (0.0, 0.01)} | kwargs
        self.feed = Feed(
            "tool", ThreadRunner(tool), lambda _, c: self.done.put(c), self.events.put, **kwargs
        )
        self.feed.start()
        self.opened = self.done.get(timeout=10) if opens else None

    def give(self, *items: FeedItem) -> Cursor:
        self.feed.submit(items)
        return self.done.get(timeout=10)

    def end_chapter(self, status: str, chapter: int = 1) -> Cursor:
        self.feed.end_chapter(status, chapter)
        return self.done.get(timeout=10)

    def event(self) -> Event:
        return self.events.get(timeout=10)

    def end(self) -> None:
        assert self.feed.close(10)

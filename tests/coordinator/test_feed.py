"""Feeds: order, retries, isolation, and deadlines, with tools in this process."""

import queue
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from podlog.coordinator.feed import Feed
from podlog.coordinator.runners import ThreadRunner
from podlog.proto.records import Event, Kind, RunConfig
from podlog.proto.rows import ConfigItem, EventItem, FeedItem, Row, RowKey
from podlog.proto.tool import LoggerTool


def make_row(number: int, *, revision: int = 0) -> Row:
    key = RowKey(1, "train", number, Kind.STEP, 0)
    return Row(key, revision, 0, 0.0, {"loss": float(number)}, id=number)


def make_event(number: int) -> EventItem:
    return EventItem(number, 1, 0, number, 0.0, Event("nan", "text"))


class Recorder(LoggerTool):
    """Notes every call; raises as told; may know positions."""

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
            raise ValueError(f"no {step}")
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
        del self.calls[int(position) :]


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

    def __init__(self, tool: LoggerTool, **kwargs: Any) -> None:
        self.done: queue.SimpleQueue[tuple[str, int, bytes]] = queue.SimpleQueue()
        self.events: list[Event] = []
        kwargs = {"backoff": (0.0, 0.0, 0.0)} | kwargs
        self.feed = Feed(
            "tool", ThreadRunner(tool), lambda *d: self.done.put(d), self.events.append, **kwargs
        )
        self.feed.start()

    def give(self, *items: FeedItem) -> tuple[str, int, bytes]:
        assert self.feed.idle
        self.feed.submit(items)
        return self.done.get(timeout=10)

    def end(self) -> None:
        assert self.feed.close(10)


def test_a_batch_goes_through_in_order() -> None:
    """Config, setup before the first row, rows, events; then cursor and idleness are told."""
    tool = Recorder()
    fed = Fed(tool)
    config = ConfigItem(1, RunConfig('{"a": 1}'))
    done = fed.give(config, make_row(2), make_row(3), make_event(4), make_row(5))
    assert done == ("tool", 5, b"")
    assert tool.calls == [("config", {"a": 1}), "setup", 2, 3, ("event", 4), 5]
    assert fed.feed.taken == 5
    assert fed.feed.stats().written == 3
    fed.end()
    assert not fed.feed.idle


def test_a_row_after_finalize_sets_up_again() -> None:
    """Finalize ends a chapter, not the tool."""
    tool = Recorder()
    fed = Fed(tool)
    fed.give(make_row(1))
    assert fed.feed.finalize("success", 10)
    fed.done.get(timeout=10)
    fed.give(make_row(2))
    fed.feed.begin_finalize("nan")
    assert fed.feed.finalize("nan", 10)
    assert tool.calls == ["setup", 1, "success", "setup", 2, "nan"]
    fed.end()


def test_the_position_is_reported_with_the_cursor() -> None:
    """A feed opens the tool at its position and reports the new one, after finalize too."""
    tool = Positioned()
    tool.calls = ["a", "b", "left over"]
    fed = Fed(tool, cursor=7, position=b"2")
    assert fed.feed.taken == 7
    assert fed.give(make_row(8)) == ("tool", 8, b"4")
    assert tool.calls == ["a", "b", "setup", 8]
    assert fed.feed.finalize("success", 10)
    assert fed.done.get(timeout=10) == ("tool", 8, b"5")
    fed.end()


def test_a_call_that_raises_is_repeated() -> None:
    """A tool that fails twice loses nothing and shows it in the counts."""
    tool = Recorder(bad=[1], failures=2)
    fed = Fed(tool)
    fed.give(make_row(1))
    assert tool.calls == ["setup", 1]
    assert fed.feed.stats().raised == 2
    assert fed.feed.stats().skipped == 0
    assert fed.events == []
    fed.end()


def test_only_the_row_that_raises_is_skipped() -> None:
    """Its neighbours in the batch are written, it is named in an event and counted."""
    tool = Recorder(bad=[2])
    fed = Fed(tool)
    assert fed.give(make_row(1), make_row(2), make_row(3))[1] == 3
    assert tool.calls[-2:] == [1, 3]
    assert fed.feed.stats().skipped == 1
    (event,) = fed.events
    assert event.name == "tool_skipped"
    assert "mode 'train' at step 2: ValueError: no 2" in event.text
    fed.end()


def test_a_tool_that_always_raises_makes_one_event_a_batch() -> None:
    """A batch given up is one event, and an event given up is none, so that they do not breed."""

    class Bad(Recorder):
        def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
            raise OSError("gone")

        def log_event(self, event: EventItem) -> None:
            raise OSError("gone")

    fed = Fed(Bad())
    assert fed.give(make_row(1), make_row(2), make_row(3), make_event(4))[1] == 4
    assert [event.text for event in fed.events] == [
        "tool tool was not given the step row of mode 'train' at step 1 and 2 more: OSError: gone"
    ]
    assert fed.feed.stats().skipped == 4
    fed.end()


def test_a_tool_with_positions_gets_each_row_once_though_it_raised() -> None:
    """Before a retry it is told to go back to where it was before the call."""
    tool = Positioned(bad=[2])
    fed = Fed(tool)
    fed.give(make_row(1), make_row(2), make_row(3))
    assert [call for call in tool.calls if call != "setup"] == [1, 3]
    fed.end()


def test_a_tool_that_exits_is_only_a_tool_that_raised() -> None:
    """SystemExit out of a tool ends neither the feed nor the process."""

    class Exiting(Recorder):
        def log_event(self, event: EventItem) -> None:
            raise SystemExit(3)

    fed = Fed(Exiting())
    assert fed.give(make_event(1))[1] == 1
    assert fed.give(make_row(2))[1] == 2
    assert fed.feed.stats().error == "SystemExit: 3"
    fed.end()


@pytest.mark.parametrize(("tool", "written", "ignored"), [(Recorder(), 1, 1), (Replacing(), 2, 0)])
def test_late_revisions_go_to_tools_that_replace(
    tool: Recorder, written: int, ignored: int
) -> None:
    """Others are not given them; they are counted, and the cursor moves on."""
    fed = Fed(tool)
    assert fed.give(make_row(1), make_row(2, revision=1))[1] == 2
    stats = fed.feed.stats()
    assert (stats.written, stats.ignored) == (written, ignored)
    assert tool.calls == ["setup", 1, 2][: 1 + written]
    fed.end()


def test_a_finalize_that_raises_is_an_event() -> None:
    """It is over all the same."""

    class Bad(Recorder):
        def finalize(self, status: str) -> None:
            raise OSError("disk")

    fed = Fed(Bad())
    assert fed.feed.finalize("success", 10)
    assert [event.name for event in fed.events] == ["tool_failed"]
    fed.end()


def test_a_stuck_tool_holds_nobody() -> None:
    """Submit returns, finalize and close keep their deadlines, other feeds go on."""
    tool = Blocking()
    stuck, well = Fed(tool), Fed(Recorder())
    stuck.feed.submit([make_row(1)])
    assert tool.entered.wait(10)
    assert not stuck.feed.idle
    assert well.give(make_row(1))[1] == 1
    assert not stuck.feed.finalize("success", 0.01)
    assert not stuck.feed.close(0.01)
    tool.let_go.set()
    assert stuck.feed.close(10)
    well.end()


def test_close_does_not_wait_for_a_backoff() -> None:
    """A retry due in an hour is given up at once, and the batch is not reported as done."""
    raised = threading.Event()

    class Bad(Recorder):
        def log_event(self, event: EventItem) -> None:
            raised.set()
            raise OSError

    fed = Fed(Bad(), backoff=(3600.0,))
    fed.feed.submit([make_event(1)])
    assert raised.wait(10)
    fed.end()
    assert fed.done.empty()


def test_a_feed_that_never_started_can_be_closed() -> None:
    """Close is safe without start, and twice."""
    feed = Feed("t", ThreadRunner(Recorder()), lambda *d: None, lambda e: None)
    assert feed.close(1)
    assert feed.close(1)

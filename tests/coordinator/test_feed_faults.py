"""Feeds of tools that raise, are away, die, hang or cannot be started."""

import pytest
from kit_feeds import Blocking, Fed, Positioned, Recorder, make_event, make_row

from podlog.coordinator.journal import Cursor
from podlog.coordinator.runners import ToolDiedError
from podlog.proto.rows import EventItem


def test_a_call_that_raises_is_repeated() -> None:
    """A tool that fails twice loses nothing and shows it in the counts."""
    tool = Recorder(bad=[1], failures=2)
    fed = Fed(tool)
    fed.give(make_row(1))
    assert tool.calls == ["setup", 1]
    assert fed.feed.stats().raised == 2
    assert fed.feed.stats().skipped == 0
    assert fed.events.empty()
    fed.end()


def test_only_the_row_that_raises_is_skipped() -> None:
    """Its neighbours in the batch are written, it is named in an event and counted."""
    tool = Recorder(bad=[2])
    fed = Fed(tool)
    assert fed.give(make_row(1), make_row(2), make_row(3)).id == 3
    assert tool.calls[-2:] == [1, 3]
    assert fed.feed.stats().skipped == 1
    event = fed.event()
    assert event.name == "tool_skipped"
    assert "mode 'train' at step 2: ValueError: no 2" in event.text
    fed.end()


def test_a_tool_that_always_raises_makes_one_event_a_batch() -> None:
    """A batch given up is one event, and an event given up is none, so that they do not breed."""

    class Bad(Recorder):
        def log_event(self, event: EventItem) -> None:
            raise RuntimeError("broken")

    fed = Fed(Bad(bad=[1, 2, 3]))
    assert fed.give(make_row(1), make_row(2), make_row(3), make_event(4)).id == 4
    assert fed.event().text == (
        "tool tool was not given the step row of mode 'train' at step 1 and 2 more: "
        "ValueError: no 3"
    )
    assert fed.events.empty()
    assert fed.feed.stats().skipped == 4
    fed.end()


def test_what_is_away_is_waited_for() -> None:
    """An OSError costs no row, however often it comes; it is announced once, and its end."""
    tool = Positioned(bad=[2], failures=50)
    tool.error = ConnectionError("no server")
    fed = Fed(tool)
    assert fed.give(make_row(1), make_row(2), make_row(3)).id == 3
    assert tool.calls == ["setup", 1, 2, 3]
    assert fed.feed.stats().skipped == 0
    assert fed.feed.stats().raised == 50
    assert fed.event().text == "tool tool is away and waited for: ConnectionError: no server"
    assert fed.event().text.startswith("tool tool is back after ")
    assert fed.events.empty()
    fed.end()


def test_short_absences_and_those_at_events_are_not_announced() -> None:
    """Else the event would be the next one that the tool cannot take."""

    class Away(Recorder):
        def log_event(self, event: EventItem) -> None:
            if self.failures:
                self.failures -= 1
                raise TimeoutError

    fed = Fed(Away(failures=20))
    assert fed.give(make_event(1)).id == 1
    tool = Recorder(bad=[2], failures=2)
    tool.error = OSError("a blip")
    short = Fed(tool)
    assert short.give(make_row(2)).id == 2
    assert fed.events.empty()
    assert short.events.empty()
    fed.end()
    short.end()


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_three_deaths_at_one_row_skip_that_row(deaths: int) -> None:
    """Fewer cost nothing, and its neighbours are written in any case."""
    tool = Positioned(bad=[2], failures=1 + deaths)  # one with its neighbours, then alone
    tool.error = ToolDiedError("the tool's process 1 ended with -9")
    fed = Fed(tool)
    assert fed.give(make_row(1), make_row(2), make_row(3)).id == 3
    assert tool.calls == ["setup", 1, *([2] if deaths < 3 else []), 3]
    assert fed.feed.stats().skipped == (deaths == 3)
    if deaths == 3:
        assert "at step 2: ToolDiedError" in fed.event().text
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
    assert fed.give(make_event(1)).id == 1
    assert fed.give(make_row(2)).id == 2
    assert fed.feed.stats().error == "SystemExit: 3"
    fed.end()


def test_a_finalize_that_raises_is_an_event() -> None:
    """It is over all the same, and where the tool stands is asked anew."""

    class Bad(Positioned):
        def finalize(self, status: str) -> None:
            self.calls.append("half")
            raise RuntimeError("broken")

    fed = Fed(Bad())
    assert fed.give(make_row(1)).position == b"2"
    assert fed.end_chapter("success") == Cursor(1, b"2", 1)
    assert fed.event().name == "tool_failed"
    fed.end()


def test_a_tool_that_cannot_be_started_keeps_its_cursor() -> None:
    """It is named once, takes nothing, and holds nobody."""

    class Bad(Recorder):
        def rewind_to(self, position: bytes) -> None:
            raise ValueError("what position?")

    fed = Fed(Bad(), opens=False, taken=Cursor(3, b"odd", 0))
    assert fed.event().text == "tool tool cannot be started: ValueError: what position?"
    assert fed.feed.failed
    fed.feed.submit([make_row(4)])
    fed.end()
    assert fed.done.empty()


def test_a_stuck_tool_holds_nobody() -> None:
    """Submit returns, close keeps its deadline, other feeds go on; its call is timed."""
    tool = Blocking()
    stuck, well = Fed(tool), Fed(Recorder())
    assert stuck.feed.in_call() == 0
    stuck.feed.submit([make_row(1)])
    assert tool.entered.wait(10)
    assert stuck.feed.in_call() > 0
    assert well.give(make_row(1)).id == 1
    assert not stuck.feed.close(0.01)
    tool.let_go.set()
    assert stuck.feed.close(10)
    well.end()


@pytest.mark.parametrize("error", [OSError(), ValueError(), ToolDiedError()])
def test_closing_gives_up_what_would_be_repeated(error: BaseException) -> None:
    """A retry due in an hour is given up at once; the batch is neither done nor skipped."""
    tool = Recorder(bad=[1, 2])
    tool.error = error
    fed = Fed(tool, backoff=(3600.0, 3600.0))
    fed.feed.submit([make_row(1)])
    fed.feed.submit([make_row(2)])
    fed.end()
    assert fed.done.empty()
    assert fed.feed.stats().skipped == 0

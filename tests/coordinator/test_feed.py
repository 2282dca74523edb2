"""Feeds: order, positions, chapters, with tools in this process."""

import pytest
from kit_feeds import Fed, Positioned, Recorder, Replacing, make_event, make_row

from podlog.coordinator.feed import Feed
from podlog.coordinator.journal import Cursor
from podlog.coordinator.runners import ThreadRunner
from podlog.proto.records import RunConfig
from podlog.proto.rows import ConfigItem


def test_a_batch_goes_through_in_order() -> None:
    """Config, setup before the first row, rows, events; then the cursor is told."""
    tool = Recorder()
    fed = Fed(tool)
    config = ConfigItem(1, RunConfig('{"a": 1}'))
    done = fed.give(config, make_row(2), make_row(3), make_event(4), make_row(5))
    assert done == Cursor(5, b"", 0)
    assert tool.calls == [("config", {"a": 1}), "setup", 2, 3, ("event", 4), 5]
    assert fed.feed.stats().written == 3
    fed.end()


def test_a_row_after_finalize_sets_up_again() -> None:
    """Finalize ends a chapter, not the tool; the cursor says which chapter it was told."""
    tool = Recorder()
    fed = Fed(tool)
    fed.give(make_row(1))
    assert fed.end_chapter("success", 3) == Cursor(1, b"", 3)
    assert fed.give(make_row(2)) == Cursor(2, b"", 3)
    assert fed.end_chapter("nan", 4).told == 4
    assert tool.calls == ["setup", 1, "success", "setup", 2, "nan"]
    fed.end()


def test_the_position_is_reported_with_the_cursor() -> None:
    """A feed opens the tool at its position and reports where it stands, before any row."""
    tool = Positioned()
    tool.calls = ["a", "b", "left over"]
    fed = Fed(tool, taken=Cursor(7, b"2", 1))
    assert fed.opened == Cursor(7, b"2", 1)
    assert fed.give(make_row(8)) == Cursor(8, b"4", 1)
    assert tool.calls == ["a", "b", "setup", 8]
    assert fed.end_chapter("success", 2) == Cursor(8, b"5", 2)
    fed.end()


def test_a_tool_of_which_nothing_is_known_begins_at_nothing() -> None:
    """What it finds is another run's; where it begins is reported before its first row."""
    tool = Positioned()
    tool.calls = ["of another run"]
    fed = Fed(tool)
    assert fed.opened == Cursor(0, b"0", 0)
    assert tool.calls == []
    fed.end()


def test_a_tool_behind_the_newest_config_hears_it_first() -> None:
    """After a restart, though its cursor is past it."""
    tool = Recorder()
    fed = Fed(tool, taken=Cursor(5), config=ConfigItem(2, RunConfig('{"a": 1}')))
    assert fed.opened == Cursor(5)
    assert fed.give(make_row(6)).id == 6
    assert tool.calls == [("config", {"a": 1}), "setup", 6]
    fed.end()


@pytest.mark.parametrize(("tool", "written", "ignored"), [(Recorder(), 1, 1), (Replacing(), 2, 0)])
def test_late_revisions_go_to_tools_that_replace(
    tool: Recorder, written: int, ignored: int
) -> None:
    """Others are not given them; they are counted, and the cursor moves on."""
    fed = Fed(tool)
    assert fed.give(make_row(1), make_row(2, revision=1)).id == 2
    stats = fed.feed.stats()
    assert (stats.written, stats.ignored) == (written, ignored)
    assert tool.calls == ["setup", 1, 2][: 1 + written]
    fed.end()


def test_a_feed_that_never_started_can_be_closed() -> None:
    """Close is safe without start, and twice."""
    feed = Feed("t", ThreadRunner(Recorder()), lambda *d: None, lambda e: None)
    assert feed.close(1)
    assert feed.close(1)

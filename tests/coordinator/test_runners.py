"""How a feed's calls reach a tool in this process."""

from typing import Any

import pytest

from podlog.coordinator.runners import ThreadRunner
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey
from podlog.proto.tool import LoggerTool

ROW = Row(RowKey(1, "train", 1, Kind.STEP, 0), 0, 0, 0.0, {"loss": 1.0})


class Positioned(LoggerTool):
    """Knows how much it has written, and may fail when it has written half."""

    def __init__(self, *written: str) -> None:
        self.written = list(written)
        self.failures = 0

    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
        self.written.append(str(step))
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is away")

    def position(self) -> bytes:
        return b"%d" % len(self.written)

    def rewind_to(self, position: bytes) -> None:
        self.written = self.written[: int(position)] if position else []


class Forgetful(Positioned):
    """Knows no positions."""

    def position(self) -> bytes:
        return b""


def test_a_tool_goes_back_to_where_it_was() -> None:
    """At start to the committed position; at the beginning of a run to nothing."""
    tool = Positioned("before", "torn")
    assert ThreadRunner(tool).open(b"1") == b"1"
    assert tool.written == ["before"]
    assert ThreadRunner(tool).open(b"") == b"0"
    assert tool.written == []


def test_a_tool_without_positions_is_not_told_to_begin_again() -> None:
    """It has written rows of this run, which it must not take for another's."""
    tool = Forgetful("before")
    assert ThreadRunner(tool).open(None) == b""
    assert tool.written == ["before"]


def test_a_call_that_raised_is_undone_before_the_next() -> None:
    """Else what it wrote in part would stay, and be there twice."""
    tool = Positioned()
    runner = ThreadRunner(tool)
    runner.open(b"")
    tool.failures = 1
    with pytest.raises(OSError, match="away"):
        runner.deliver([ROW])
    assert runner.deliver([ROW]) == b"1"
    assert tool.written == ["1"]

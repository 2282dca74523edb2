"""How a feed's calls reach a tool in this process."""

from typing import Any

import pytest

from podlog.coordinator.runners import ThreadRunner
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey
from podlog.proto.tool import LoggerTool

ROW = Row(RowKey(1, "train", 1, Kind.STEP, 0), 0, 0, 0.0, {"loss": 1.0})


class Reluctant(LoggerTool):
    """Cannot go back to its position the first time."""

    def __init__(self) -> None:
        self.written = ["before", "torn"]
        self.failures = 1

    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
        self.written.append(str(step))

    def position(self) -> bytes:
        return b"%d" % len(self.written)

    def rewind_to(self, position: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is away")
        del self.written[int(position) :]


def test_a_tool_that_could_not_go_back_does_so_before_its_first_row() -> None:
    """Else what lies behind its position would stay, and be there twice."""
    tool = Reluctant()
    runner = ThreadRunner(tool)
    with pytest.raises(OSError, match="away"):
        runner.open(b"1")
    assert runner.deliver([ROW]) == b"2"
    assert tool.written == ["before", "1"]

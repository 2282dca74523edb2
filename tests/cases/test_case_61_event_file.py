"""Case 61: every host makes an event file, though one writes; the others stay empty.

Here one tool writes for all, and a run keeps its one file through restarts and
chapters. (That processes of a pod make none is shown with real processes.)
"""

from pathlib import Path

from podlog.coordinator.tools import TensorBoardLoggerConfig
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey
from podlog.proto.tool import ToolContext


def test_a_run_has_one_event_file(tmp_path: Path) -> None:
    """Three lives of the coordinator with two chapters each write into one file."""
    context = ToolContext(config=LoggerConfig(log_path=tmp_path), log_path=tmp_path, run_id="a/b")
    position = b""
    for life in range(3):
        tool = TensorBoardLoggerConfig().create(context)
        tool.rewind_to(position)
        for chapter in range(2):
            tool.setup()
            key = RowKey(1, "train", 2 * life + chapter, Kind.STEP, 0)
            tool.write([Row(key=key, revision=0, epoch=0, time=0.0, metrics={"x": 1.0})])
            tool.finalize("success")
        position = tool.position()
    (file,) = (tmp_path / "tensorboard").iterdir()
    assert file.name.startswith("events")
    assert file.read_bytes().count(b"train/x") == 6


def test_a_tool_that_is_given_nothing_makes_no_file(tmp_path: Path) -> None:
    """Making the tool alone writes nothing."""
    context = ToolContext(config=LoggerConfig(log_path=tmp_path), log_path=tmp_path, run_id="run")
    TensorBoardLoggerConfig().create(context).position()
    assert list((tmp_path / "tensorboard").iterdir()) == []

"""What `FileLogger` writes: a CSV file and its JSONL twin a mode."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from kit_files import cells, lines, make

from podlog.coordinator.tools.modefiles import file_stem
from podlog.proto.records import Kind
from podlog.proto.rows import Histogram, Row
from podlog.proto.tool import ToolContext

MakeRow = Callable[..., Row]


def test_rows_are_on_disk_when_write_returns(
    context: ToolContext, file_logs: Path, make_row: MakeRow
) -> None:
    """A run that is killed afterwards has them, in both files, a file a mode."""
    tool = make(context)
    tool.write(
        [make_row(1, {"loss": 0.5}), make_row(1, {"acc": 0.75}, mode="val", kind=Kind.EPOCH)]
    )
    assert cells(file_logs / "metrics_train.csv") == [
        ["log_step", "log_epoch", "loss"],
        ["1", "1", "0.5"],
    ]
    assert cells(file_logs / "metrics_val.csv")[0] == ["log_step", "log_epoch", "acc"]
    assert lines(file_logs / "metrics_val.jsonl")[0]["acc"] == 0.75
    assert lines(file_logs / "metrics_val.jsonl")[0]["_podlog"]["kind"] == "epoch"
    tool.finalize("success")


def test_arrays_are_in_the_json_twin_only(
    context: ToolContext, file_logs: Path, make_row: MakeRow
) -> None:
    """The CSV file has the seed's columns: numbers and texts."""
    histogram = Histogram(np.array([0.0, 1.0]), np.array([2]))
    tool = make(context)
    tool.write([make_row(1, {"a": np.array([1, 2]), "h": histogram, "t": "x", "loss": 1})])
    assert cells(file_logs / "metrics_train.csv")[0] == ["log_step", "log_epoch", "t", "loss"]
    row = lines(file_logs / "metrics_train.jsonl")[0]
    assert (row["a"], row["h"]) == ([1, 2], {"edges": [0.0, 1.0], "counts": [2]})
    tool.finalize("success")


def test_a_tool_used_as_the_seeds_is_reads_back_in_pandas(
    context: ToolContext, file_logs: Path
) -> None:
    """Calls of log_metrics give one row each, with exactly the seed's columns."""
    tool = make(context)
    tool.setup()
    for step in range(10, 210, 10):
        tool.log_metrics({"loss": step / 3, "epoch": 1, "step_time": 0.1}, step, 1, "train")
    tool.log_metrics({"epoch_time": 2.5}, 200, 1, "train")
    tool.finalize("success")
    frame = pd.read_csv(file_logs / "metrics_train.csv")
    assert set(frame.columns) == {
        "loss",
        "epoch",
        "step_time",
        "epoch_time",
        "log_step",
        "log_epoch",
    }
    assert frame["log_step"].tolist() == [*range(10, 210, 10), 200]
    assert frame["loss"].tolist()[:20] == pytest.approx(
        [s / 3 for s in range(10, 210, 10)], rel=1e-7
    )
    assert frame["epoch_time"].isna().tolist() == [True] * 20 + [False]


@pytest.mark.parametrize("mode", ["train", "a/b", "..", "", "ä ö", "a%2Fb", "a\nb", "x" * 5000])
def test_any_mode_has_a_file_of_its_own(
    context: ToolContext, file_logs: Path, make_row: MakeRow, mode: str
) -> None:
    """Its name tells the mode, or the rows do where it had to be cut."""
    tool = make(context)
    tool.write([make_row(1, {"x": 1}, mode=mode)])
    tool.finalize("success")
    assert {path.parent for path in file_logs.rglob("*")} == {file_logs}
    (path,) = file_logs.glob("metrics_*.jsonl")
    stem = path.name.removeprefix("metrics_").removesuffix(".jsonl")
    assert stem == file_stem(mode)
    assert (unquote(stem) == mode) == (len(mode) <= 160)
    assert lines(path)[0]["_podlog"]["mode"] == mode

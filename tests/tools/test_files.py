"""`FileLogger`: metrics as CSV and JSON lines, the config as a file."""

import csv
import dataclasses
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from podlog.coordinator.tools import FileLogger, FileLoggerConfig
from podlog.coordinator.tools.modefiles import file_stem, mode_of
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind, RunConfig
from podlog.proto.rows import Histogram, Row
from podlog.proto.tool import ToolContext

MakeRow = Callable[..., Row]


@pytest.fixture
def folder(context: ToolContext) -> Path:
    """Where the tool writes."""
    assert context.log_path is not None
    return context.log_path / "file_logs"


def make(context: ToolContext, **settings: Any) -> FileLogger:
    """A new life of the tool in the same folder."""
    return FileLoggerConfig(**settings).create(context)


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def cells(path: Path) -> list[list[str]]:
    """The records of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.reader(file))


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_rows_are_on_disk_when_write_returns(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """A run that is killed afterwards has them, in both files, a file a mode."""
    tool = make(context)
    tool.write(
        [make_row(1, {"loss": 0.5}), make_row(1, {"acc": 0.75}, mode="val", kind=Kind.EPOCH)]
    )
    assert cells(folder / "metrics_train.csv") == [
        ["log_step", "log_epoch", "loss"],
        ["1", "1", "0.5"],
    ]
    assert cells(folder / "metrics_val.csv")[0] == ["log_step", "log_epoch", "acc"]
    assert lines(folder / "metrics_val.jsonl")[0]["acc"] == 0.75
    assert lines(folder / "metrics_val.jsonl")[0]["_podlog"]["kind"] == "epoch"
    tool.finalize("success")


def test_arrays_are_in_the_json_twin_only(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """The CSV file has the seed's columns: numbers and texts."""
    histogram = Histogram(np.array([0.0, 1.0]), np.array([2]))
    tool = make(context)
    tool.write([make_row(1, {"a": np.array([1, 2]), "h": histogram, "t": "x", "loss": 1})])
    assert cells(folder / "metrics_train.csv")[0] == ["log_step", "log_epoch", "t", "loss"]
    row = lines(folder / "metrics_train.jsonl")[0]
    assert (row["a"], row["h"]) == ([1, 2], {"edges": [0.0, 1.0], "counts": [2]})
    tool.finalize("success")


def test_a_tool_used_as_the_seeds_is_reads_back_in_pandas(
    context: ToolContext, folder: Path
) -> None:
    """Calls of log_metrics give one row each, with exactly the seed's columns."""
    tool = make(context)
    tool.setup()
    for step in range(10, 210, 10):
        tool.log_metrics({"loss": step / 3, "epoch": 1, "step_time": 0.1}, step, 1, "train")
    tool.log_metrics({"epoch_time": 2.5}, 200, 1, "train")
    tool.finalize("success")
    frame = pd.read_csv(folder / "metrics_train.csv")
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


def test_rows_after_finalize_and_of_the_next_life_are_added(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """Neither a second chapter nor a restart takes earlier rows away."""
    tool = make(context)
    tool.write([make_row(1, {"x": 1})])
    tool.finalize("success")
    tool.setup()
    tool.write([make_row(2, {"x": 2})])
    tool.finalize("success")
    again = make(context)
    again.rewind_to(tool.position())
    again.setup()
    again.write([make_row(3, {"y": 3})])
    again.finalize("success")
    assert cells(folder / "metrics_train.csv") == [
        ["log_step", "log_epoch", "x", "y"],
        ["1", "1", "1", ""],
        ["2", "1", "2", ""],
        ["3", "1", "", "3"],
    ]


@pytest.mark.parametrize("committed", [0, 1, 2])
def test_killed_between_write_and_commit_each_row_is_there_once(
    context: ToolContext, tmp_path: Path, folder: Path, make_row: MakeRow, committed: int
) -> None:
    """From any committed position the rest is written again: the files are those of one life.

    Also where the rows behind it brought a new column or a new mode.
    """
    batches = [
        [make_row(1, {"x": 1.5}), make_row(2, {"x": math.nan})],
        [make_row(3, {"x": 1, "new\n": 2}), make_row(3, {"a": 1}, mode="odd/mode")],
        [make_row(1, {"x": 9.0}, revision=1), make_row(4, {"z": 4})],
    ]
    tool = make(context)
    positions = [tool.position()]
    for batch in batches:
        tool.write(batch)
        positions.append(tool.position())
    again = make(context)
    again.rewind_to(positions[committed])
    for batch in batches[committed:]:
        again.write(batch)
    again.finalize("success")
    tool.finalize("success")

    whole = make(dataclasses.replace(context, log_path=tmp_path / "whole"))
    for batch in batches:
        whole.write(batch)
    whole.finalize("success")
    expected = contents(tmp_path / "whole" / "file_logs")
    found = contents(folder)
    header = found.pop("metrics_train.csv").splitlines()[0]
    assert header.startswith(expected.pop("metrics_train.csv").splitlines()[0][:20])
    assert found == expected
    assert len(lines(folder / "metrics_train.jsonl")) == 4


def test_a_late_row_takes_the_place_of_the_one_it_revises(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """At the end there is one line a row, the newest, at its old place."""
    tool = make(context)
    tool.write([make_row(step, {"x": step}) for step in (1, 2, 3)])
    tool.write([make_row(2, {"x": 20, "more": 1}, revision=1)])
    tool.write([make_row(2, {"x": 21}, revision=2, processes=(0, 1))])
    assert [row["x"] for row in lines(folder / "metrics_train.jsonl")] == [1, 2, 3]
    tool.finalize("success")
    assert cells(folder / "metrics_train.csv")[1:] == [
        ["1", "1", "1"],
        ["2", "1", "21"],
        ["3", "1", "3"],
    ]
    rows = lines(folder / "metrics_train.jsonl")
    assert [(row["x"], row["_podlog"]["revision"]) for row in rows] == [(1, 0), (21, 2), (3, 0)]
    assert sorted(contents(folder)) == ["metrics_train.csv", "metrics_train.jsonl"]


def test_a_late_row_that_nobody_saw_before_is_added(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """A row before one already given out comes with a revision only: it is not lost."""
    tool = make(context)
    tool.write([make_row(5, {"x": 5}), make_row(4, {"x": math.nan}, revision=1)])
    tool.finalize("success")
    assert cells(folder / "metrics_train.csv")[1:] == [["5", "1", "5"], ["4", "1", "nan"]]
    again = make(context)
    again.rewind_to(tool.position())
    again.finalize("success")
    assert len(lines(folder / "metrics_train.jsonl")) == 2


def test_late_rows_of_a_former_life_are_settled(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """A kill between a late row and the end loses nothing."""
    tool = make(context)
    tool.write([make_row(1, {"x": 1})])
    tool.write([make_row(1, {"x": math.inf}, revision=1)])
    again = make(context)
    again.rewind_to(tool.position())
    again.finalize("lost")
    tool.finalize("lost")
    assert cells(folder / "metrics_train.csv")[1:] == [["1", "1", "inf"]]


def test_files_of_other_programs_are_set_aside(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """A CSV file that the seed left there is renamed, not cut and not continued."""
    folder.mkdir()
    (folder / "metrics_train.csv").write_text("loss,log_step\n1,1\n2,2\n")
    tool = make(context)
    tool.rewind_to(tool.position())
    tool.write([make_row(1, {"x": 1})])
    tool.finalize("success")
    assert (folder / "metrics_train.csv.1").read_text() == "loss,log_step\n1,1\n2,2\n"
    assert len(cells(folder / "metrics_train.csv")) == 2


def test_without_a_position_old_files_are_set_aside(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """Told to begin at nothing, the tool begins new files and keeps the old."""
    tool = make(context)
    tool.write([make_row(1, {"x": 1})])
    tool.rewind_to(b"")
    tool.write([make_row(2, {"x": 2})])
    tool.finalize("success")
    assert [row["x"] for row in lines(folder / "metrics_train.jsonl")] == [2]
    assert [row["x"] for row in lines(folder / "metrics_train.jsonl.1")] == [1]


def test_a_lost_csv_file_is_made_again_from_its_twin(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """The two stay row by row the same."""
    tool = make(context)
    tool.write([make_row(1, {"x": math.nan, "_podlog": "mine"}), make_row(2, {"y": 1.5})])
    tool.finalize("success")
    before = (folder / "metrics_train.csv").read_bytes()
    (folder / "metrics_train.csv").unlink()
    again = make(context)
    again.write([make_row(3, {"x": 3})])
    again.finalize("success")
    assert (folder / "metrics_train.csv").read_bytes() == before + b"3,1,3,,\n"


def test_a_write_that_fails_leaves_nothing_behind(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """A call is repeated after it raised: what it wrote in part was taken back."""
    tool = make(context)
    tool.write([make_row(1, {"x": 1})])
    (folder / "late_val.jsonl").mkdir()
    rows = [make_row(2, {"x": 2}), make_row(2, {"x": 2}, mode="val", revision=1)]
    with pytest.raises(IsADirectoryError):
        tool.write(rows)
    (folder / "late_val.jsonl").rmdir()
    tool.write(rows)
    tool.finalize("success")
    assert [row["x"] for row in lines(folder / "metrics_train.jsonl")] == [1, 2]
    assert [row["x"] for row in lines(folder / "metrics_val.jsonl")] == [2]


@pytest.mark.parametrize("mode", ["train", "a/b", "..", "", "ä ö", "a%2Fb", "a\nb", "x" * 5000])
def test_any_mode_has_a_file_of_its_own(
    context: ToolContext, folder: Path, make_row: MakeRow, mode: str
) -> None:
    """Its name tells the mode, or the rows do where it had to be cut."""
    tool = make(context)
    tool.write([make_row(1, {"x": 1}, mode=mode)])
    tool.finalize("success")
    assert {path.parent for path in folder.rglob("*")} == {folder}
    (path,) = folder.glob("metrics_*.jsonl")
    stem = path.name.removeprefix("metrics_").removesuffix(".jsonl")
    assert stem == file_stem(mode)
    assert mode_of(stem) in (mode, None)
    assert (mode_of(stem) is None) == (len(mode) > 160)
    assert lines(path)[0]["_podlog"]["mode"] == mode


CONFIG = {"trainer": {"lr": 0.1, "name": "ä"}, "list": [1, None], "bad": "NaN"}


@pytest.mark.parametrize(
    ("style", "name", "load"),
    [
        ("json", "config.json", json.loads),
        ("yaml", "config.yaml", yaml.safe_load),
        ("pickle", "config.pkl", pickle.loads),
    ],
)
def test_config_is_written_before_any_row(
    context: ToolContext, folder: Path, style: str, name: str, load: Callable[[bytes], Any]
) -> None:
    """Each format reads back with the safe loader of its kind; the newest config counts."""
    tool = make(context, config_format=style)
    tool.log_run_config(RunConfig(json.dumps({"old": 1})))
    tool.log_run_config(RunConfig(json.dumps(CONFIG)))
    assert load((folder / name).read_bytes()) == CONFIG
    assert list(contents(folder)) == [name]


def test_pickled_config_is_passed_on_untouched(context: ToolContext, folder: Path) -> None:
    """The coordinator need not know the classes of the user's config."""
    tool = make(context, config_format="pickle")
    tool.log_run_config(RunConfig("{}", b"not even a pickle"))
    assert (folder / "config.pkl").read_bytes() == b"not even a pickle"


def test_settings_are_checked_when_made() -> None:
    """A format that does not exist, or no place to write to, is told at once."""
    with pytest.raises(AssertionError, match="toml"):
        FileLoggerConfig(config_format="toml")
    with pytest.raises(TypeError, match="log_path"):
        FileLoggerConfig().check(LoggerConfig())
    with pytest.raises(TypeError, match="log_path"):
        FileLoggerConfig().create(ToolContext(config=LoggerConfig(), log_path=None, run_id="r"))
    FileLoggerConfig().check(LoggerConfig(log_path=Path("x")))

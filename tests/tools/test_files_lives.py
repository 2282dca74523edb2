"""`FileLogger` over lives of the coordinator: positions, late rows, files of others."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from kit_files import cells, contents, lines, make

from podlog.proto.rows import Row
from podlog.proto.tool import ToolContext

MakeRow = Callable[..., Row]


def test_rows_after_finalize_and_of_the_next_life_are_added(
    context: ToolContext, file_logs: Path, make_row: MakeRow
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
    assert cells(file_logs / "metrics_train.csv") == [
        ["log_step", "log_epoch", "x", "y"],
        ["1", "1", "1", ""],
        ["2", "1", "2", ""],
        ["3", "1", "", "3"],
    ]


@pytest.mark.parametrize("committed", [0, 1, 2])
def test_killed_between_write_and_commit_each_row_is_there_once(
    context: ToolContext, tmp_path: Path, file_logs: Path, make_row: MakeRow, committed: int
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
    found = contents(file_logs)
    header = found.pop("metrics_train.csv").splitlines()[0]
    assert header.startswith(expected.pop("metrics_train.csv").splitlines()[0][:20])
    assert found == expected
    assert len(lines(file_logs / "metrics_train.jsonl")) == 4


def test_a_late_row_takes_the_place_of_the_one_it_revises(
    context: ToolContext, file_logs: Path, make_row: MakeRow
) -> None:
    """At the end there is one line a row, the newest, at its old place."""
    tool = make(context)
    tool.write([make_row(step, {"x": step}) for step in (1, 2, 3)])
    tool.write([make_row(2, {"x": 20, "more": 1}, revision=1)])
    tool.write([make_row(2, {"x": 21}, revision=2, processes=(0, 1))])
    assert [row["x"] for row in lines(file_logs / "metrics_train.jsonl")] == [1, 2, 3]
    tool.finalize("success")
    assert cells(file_logs / "metrics_train.csv")[1:] == [
        ["1", "1", "1"],
        ["2", "1", "21"],
        ["3", "1", "3"],
    ]
    rows = lines(file_logs / "metrics_train.jsonl")
    assert [(row["x"], row["_podlog"]["revision"]) for row in rows] == [(1, 0), (21, 2), (3, 0)]
    assert sorted(contents(file_logs)) == ["metrics_train.csv", "metrics_train.jsonl"]


def test_a_late_row_that_nobody_saw_before_is_added(
    context: ToolContext, file_logs: Path, make_row: MakeRow
) -> None:
    """A row before one already given out comes with a revision only: it is not lost."""
    tool = make(context)
    tool.write([make_row(5, {"x": 5}), make_row(4, {"x": math.nan}, revision=1)])
    tool.finalize("success")
    assert cells(file_logs / "metrics_train.csv")[1:] == [["5", "1", "5"], ["4", "1", "nan"]]
    again = make(context)
    again.rewind_to(tool.position())
    again.finalize("success")
    assert len(lines(file_logs / "metrics_train.jsonl")) == 2


def test_late_rows_of_a_former_life_are_settled(
    context: ToolContext, file_logs: Path, make_row: MakeRow
) -> None:
    """A kill between a late row and the end loses nothing."""
    tool = make(context)
    tool.write([make_row(1, {"x": 1})])
    tool.write([make_row(1, {"x": math.inf}, revision=1)])
    again = make(context)
    again.rewind_to(tool.position())
    again.finalize("lost")
    tool.finalize("lost")
    assert cells(file_logs / "metrics_train.csv")[1:] == [["1", "1", "inf"]]


def test_files_of_other_programs_are_set_aside(
    context: ToolContext, file_logs: Path, make_row: MakeRow
) -> None:
    """A CSV file that the seed left there is renamed, not cut and not continued."""
    file_logs.mkdir()
    (file_logs / "metrics_train.csv").write_text("loss,log_step\n1,1\n2,2\n")
    tool = make(context)
    tool.rewind_to(tool.position())
    tool.write([make_row(1, {"x": 1})])
    tool.finalize("success")
    assert (file_logs / "metrics_train.csv.1").read_text() == "loss,log_step\n1,1\n2,2\n"
    assert len(cells(file_logs / "metrics_train.csv")) == 2


def test_without_a_position_old_files_are_set_aside(
    context: ToolContext, file_logs: Path, make_row: MakeRow
) -> None:
    """Told to begin at nothing, the tool begins new files and keeps the old."""
    tool = make(context)
    tool.write([make_row(1, {"x": 1})])
    tool.rewind_to(b"")
    tool.write([make_row(2, {"x": 2})])
    tool.finalize("success")
    assert [row["x"] for row in lines(file_logs / "metrics_train.jsonl")] == [2]
    assert [row["x"] for row in lines(file_logs / "metrics_train.jsonl.1")] == [1]


def test_a_lost_csv_file_is_made_again_from_its_twin(
    context: ToolContext, file_logs: Path, make_row: MakeRow
) -> None:
    """The two stay row by row the same."""
    tool = make(context)
    tool.write([make_row(1, {"x": math.nan, "_podlog": "mine"}), make_row(2, {"y": 1.5})])
    tool.finalize("success")
    before = (file_logs / "metrics_train.csv").read_bytes()
    (file_logs / "metrics_train.csv").unlink()
    again = make(context)
    again.write([make_row(3, {"x": 3})])
    again.finalize("success")
    assert (file_logs / "metrics_train.csv").read_bytes() == before + b"3,1,3,,\n"


def test_a_write_that_fails_leaves_nothing_behind(
    context: ToolContext, file_logs: Path, make_row: MakeRow
) -> None:
    """A call is repeated after it raised: what it wrote in part was taken back."""
    tool = make(context)
    tool.write([make_row(1, {"x": 1})])
    (file_logs / "late_val.jsonl").mkdir()
    rows = [make_row(2, {"x": 2}), make_row(2, {"x": 2}, mode="val", revision=1)]
    with pytest.raises(IsADirectoryError):
        tool.write(rows)
    (file_logs / "late_val.jsonl").rmdir()
    tool.write(rows)
    tool.finalize("success")
    assert [row["x"] for row in lines(file_logs / "metrics_train.jsonl")] == [1, 2]
    assert [row["x"] for row in lines(file_logs / "metrics_val.jsonl")] == [2]

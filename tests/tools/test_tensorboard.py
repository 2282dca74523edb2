"""`TensorBoardLogger`, read by TensorBoard's own reader."""

import dataclasses
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit_tensorboard import read, scalars

from podlog.coordinator.tools import TensorBoardLogger, TensorBoardLoggerConfig
from podlog.coordinator.tools.tensorboard import flatten
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind, Op, RunConfig
from podlog.proto.rows import Histogram, Media, PerProcess, Row
from podlog.proto.tool import ToolContext

MakeRow = Callable[..., Row]


@pytest.fixture
def folder(context: ToolContext) -> Path:
    """Where the tool writes."""
    assert context.log_path is not None
    return context.log_path / "tensorboard"


def make(context: ToolContext, **settings: Any) -> TensorBoardLogger:
    """A new life of the tool in the same folder."""
    return TensorBoardLoggerConfig(**settings).create(context)


def test_rows_become_curves(context: ToolContext, folder: Path, make_row: MakeRow) -> None:
    """Scalars, texts and histograms under ``<mode>/<key>``, at any step, NaN and infinities too."""
    odd = 'a,b "c"\n@ä/' + "k" * 5000
    tool = make(context)
    tool.setup()
    tool.write(
        [
            make_row(1, {"loss": 0.5, odd: 1, "flag": True, "": 3}),
            make_row(2**40, {"loss": math.nan, "big": 10**400, "small": 1e-45, "zero": -0.0}),
            make_row(2**40, {"acc": -math.inf, "m": "x"}, mode="val/x", kind=Kind.EPOCH, epoch=4),
            make_row(
                3,
                {
                    "h": Histogram(np.array([0.0, 1.0, 3.0]), np.array([2, 5])),
                    "text": Media(Op.TEXT, "grüße".encode()),
                    "one": np.array([[2.5]], np.float32),
                    "many": np.zeros(3),
                    "each": PerProcess({0: "a", 2: "b"}),
                    "none": None,
                    "image": Media(Op.IMAGE, b"png"),
                },
            ),
        ]
    )
    found = read(folder)
    assert scalars(found, "train/loss")[0] == (1, 0.5)
    step, nan = scalars(found, "train/loss")[1]
    assert step == 2**40
    assert math.isnan(nan)
    assert found["scalars"]["train/loss"][0][2] == 1001.0
    assert scalars(found, f"train/{odd}") == [(1, 1.0)]
    assert scalars(found, "train/flag") == [(1, 1.0)]
    assert scalars(found, "train/") == [(1, 3.0)]
    assert scalars(found, "train/big") == [(2**40, math.inf)]
    assert scalars(found, "train/small")[0][1] == np.float32(1e-45)
    assert math.copysign(1, scalars(found, "train/zero")[0][1]) == -1
    assert scalars(found, "val%2Fx/acc") == [(2**40, -math.inf)]
    assert scalars(found, "val%2Fx/epoch") == [(2**40, 4.0)]
    assert scalars(found, "train/one") == [(3, 2.5)]
    assert found["histograms"] == {"train/h": [[0.0, 1.0, 3.0, 0.0, 2.0, 5.0]]}
    assert {tag: values[0][1] for tag, values in found["tensors"].items()} == {
        "val%2Fx/m": ["x"],
        "train/text": ["grüße"],
        "train/each [R0]": ["a"],
        "train/each [R2]": ["b"],
    }
    tool.finalize("success")


def test_rows_before_setup_and_after_finalize_are_written(
    context: ToolContext, folder: Path
) -> None:
    """An evaluation without training, and one after it, are in the one event file."""
    tool = make(context, tb_new_style=True)
    tool.log_metrics({"x": 1}, 1, 0, "eval")
    tool.finalize("success")
    tool.finalize("success")
    tool.log_metrics({"x": 2}, 2, 0, "eval")
    tool.finalize("success")
    assert read(folder)["tensors"]["eval/x"] == [[1, [1.0]], [2, [2.0]]]
    assert len(list(folder.iterdir())) == 1


def test_config_becomes_hyperparameters_of_the_same_file(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """Nested names are dotted; a restart does not write them again; the end is told."""
    tool = make(context)
    config = RunConfig(json.dumps({"opt": {"lr": 0.5, "name": "adam"}, "on": True, "l": [1, 2]}))
    tool.log_run_config(config)
    tool.setup()
    tool.write([make_row(1, {"x": 1})])
    size = tool.path.stat().st_size
    again = make(context)
    again.rewind_to(tool.position())
    again.log_run_config(config)
    again.setup()
    assert again.path.stat().st_size == size
    again.finalize("nan")
    tool.finalize("nan")
    found = read(folder)
    assert found["hparams"] == {
        "opt.lr": "number_value: 0.5",
        "opt.name": 'string_value: "adam"',
        "on": "bool_value: true",
        "l": 'string_value: "[1, 2]"',
    }
    assert found["end"] == 2
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("committed", [0, 1, 2])
def test_killed_between_write_and_commit_each_row_is_there_once(
    context: ToolContext, folder: Path, make_row: MakeRow, committed: int
) -> None:
    """From any committed position the rest is written again, in the same file."""
    tool = make(context)
    positions = [tool.position()]
    for step in (1, 2):
        tool.setup()
        tool.write([make_row(step, {"x": step})])
        positions.append(tool.position())
    again = make(context)
    again.rewind_to(positions[committed])
    for step in (1, 2, 3)[committed:]:
        again.setup()
        again.write([make_row(step, {"x": step})])
    again.finalize("success")
    tool.finalize("success")
    assert scalars(read(folder), "train/x") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert len(list(folder.iterdir())) == 1


def test_killed_at_any_byte_each_row_is_there_once(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """Torn records behind the committed position are cut; the file is that of one life."""
    tool = make(context)
    tool.rewind_to(b"")
    tool.log_config({"lr": 0.5})
    tool.setup()
    tool.write([make_row(1, {"x": 1.0})])
    position, size = tool.position(), tool.path.stat().st_size
    tool.write([make_row(2, {"x": 2.0}), make_row(3, {"x": 3.0, "t": "text"})])
    whole = tool.path.read_bytes()
    tool.finalize("success")
    for end in range(size, len(whole) + 1):
        tool.path.write_bytes(whole[:end])
        again = make(context)
        again.rewind_to(position)
        again.log_config({"lr": 0.5})
        again.setup()
        again.write([make_row(2, {"x": 2.0}), make_row(3, {"x": 3.0, "t": "text"})])
        assert again.path.read_bytes() == whole
        again._file.close()
    assert scalars(read(folder), "train/x") == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_file_that_lost_its_end_is_readable_again(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """Behind a torn record nothing could be read: it goes, and whole ones stay."""
    tool = make(context)
    tool.write([make_row(step, {"x": step}) for step in (1, 2)])
    position = tool.position()
    tool.finalize("success")
    tool.path.write_bytes(tool.path.read_bytes()[:-3])
    again = make(context)
    again.rewind_to(position)
    again.write([make_row(3, {"x": 3})])
    again.finalize("success")
    assert scalars(read(folder), "train/x") == [(1, 1.0), (3, 3.0)]


def test_at_the_beginning_of_a_run_a_file_of_its_name_is_set_aside(
    context: ToolContext, folder: Path, make_row: MakeRow
) -> None:
    """It is kept, under a name that TensorBoard does not read."""
    for step in (1, 2):
        tool = make(context)
        tool.rewind_to(b"")
        tool.write([make_row(step, {"x": step})])
        tool.finalize("success")
    assert scalars(read(folder), "train/x") == [(2, 2.0)]
    assert len(list(folder.iterdir())) == 2


def test_a_tag_tells_its_mode_and_key() -> None:
    """Modes with slashes do not run into keys with slashes."""
    assert flatten({"a": {"b": 1, "c": {}}, "d": None, "e": [1]}) == {
        "a.b": 1,
        "a.c": "{}",
        "d": "null",
        "e": "[1]",
    }
    assert flatten("text") == {"config": "text"}
    assert flatten({}) == {}


def test_log_path_is_needed(context: ToolContext) -> None:
    """Without a folder the tool says so when the Logger is made."""
    with pytest.raises(TypeError, match="log_path"):
        TensorBoardLoggerConfig().check(LoggerConfig())
    with pytest.raises(TypeError, match="log_path"):
        make(dataclasses.replace(context, log_path=None))


def test_back_ends_load_their_libraries_when_made() -> None:
    """Importing the tools loads neither tensorboardX nor jax."""
    code = (
        "import sys, podlog.coordinator.tools;"
        "print([m for m in ('jax', 'tensorboardX', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout == "[]\n"

"""Case 48: one metric with a name that a back end refuses loses the whole batch.

Here each tool maps names so that unequal names stay unequal and can be told
from what is stored, and the other metrics of the row are there as ever.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from podlog.coordinator.tools import (
    ConsoleLoggerConfig,
    FileLoggerConfig,
    MemoryLoggerConfig,
    TensorBoardLoggerConfig,
)
from podlog.coordinator.tools.rowjson import key_of
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey
from podlog.proto.tool import LoggerTool, ToolContext

NAMES = [
    "timing(s)/gen",
    "mean@1",
    "",
    " ",
    "a,b",
    'a"b"',
    "line\nbreak",
    "carriage\rreturn",
    "tab\t",
    "überschrift/损失/🎯",
    "'; DROP TABLE rows; --",
    "%2F",
    "..",
    "/",
    "a//b",
    "=1+1",
    "NaN",
    "_podlog",
    "__podlog",
    "k" * 5000,
]
VALUES = {name: at + 0.5 for at, name in enumerate(NAMES)}

READ_TAGS = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
read = EventAccumulator(sys.argv[1]).Reload()
print(json.dumps({tag: read.Scalars(tag)[0].value for tag in read.Tags()["scalars"]}))
"""


def written(config: Any, folder: Path) -> LoggerTool:
    """A tool that was given one row of all the names, and a plain metric after them."""
    context = ToolContext(config=LoggerConfig(log_path=folder), log_path=folder, run_id="run")
    tool: LoggerTool = config.create(context)
    tool.setup()
    key = RowKey(1, "train", 1, Kind.STEP, 0)
    tool.write([Row(key=key, revision=0, epoch=0, time=0.0, metrics=VALUES | {"loss": 0.25})])
    tool.finalize("success")
    return tool


def test_csv_holds_every_name_verbatim(tmp_path: Path) -> None:
    """The header has the names themselves, each over its own value."""
    written(FileLoggerConfig(), tmp_path)
    with (tmp_path / "file_logs/metrics_train.csv").open(newline="") as file:
        header, row = csv.reader(file)
    assert header == ["log_step", "log_epoch", *NAMES, "loss"]
    assert [float(cell) for cell in row[2:]] == [*VALUES.values(), 0.25]


def test_jsonl_holds_every_name(tmp_path: Path) -> None:
    """The names come back from the keys, beside the row's own ``_podlog``."""
    written(FileLoggerConfig(), tmp_path)
    row = json.loads((tmp_path / "file_logs/metrics_train.jsonl").read_bytes())
    assert row.pop("_podlog")["mode"] == "train"
    del row["log_step"], row["log_epoch"]
    assert {key_of(name): value for name, value in row.items()} == VALUES | {"loss": 0.25}


def test_tensorboard_holds_every_name(tmp_path: Path) -> None:
    """Its own reader finds each under ``<mode>/<key>``."""
    written(TensorBoardLoggerConfig(), tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ_TAGS, str(tmp_path / "tensorboard")],
        capture_output=True,
        timeout=50,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {f"train/{name}": value for name, value in (VALUES | {"loss": 0.25}).items()}


def test_console_stays_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No name breaks the line, and the metric after them is shown."""
    written(ConsoleLoggerConfig(max_keys=99), tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("loss 0.25")


@pytest.mark.parametrize(
    "config",
    [FileLoggerConfig(), TensorBoardLoggerConfig(), ConsoleLoggerConfig(), MemoryLoggerConfig()],
    ids=lambda config: type(config).__name__,
)
def test_unequal_names_stay_unequal(tmp_path: Path, config: Any) -> None:
    """The map that each tool declares is one to one."""
    tool = written(config, tmp_path)
    assert len({tool.names(name) for name in NAMES}) == len(NAMES)

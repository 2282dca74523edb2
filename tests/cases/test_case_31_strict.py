"""Case 31: one NaN in a file makes the whole run unreadable for a strict JSON parser.

Here a parser that refuses the constants reads every file that is named JSON, and every JSON text
that a message carries.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from podlog.coordinator.journal import Journal
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.records import Kind, RunConfig
from podlog.proto.rows import (
    ConfigItem,
    Histogram,
    Media,
    NonFinite,
    PerProcess,
    Row,
    RowKey,
    Spread,
)
from podlog.proto.tool import ToolContext
from podlog.worker import Logger, Table
from podlog.worker.identity import opening

BAD = (math.nan, math.inf, -math.inf)


def refuse(constant: str) -> None:
    """What a strict parser does with NaN and Infinity."""
    raise AssertionError(f"not JSON: {constant}")


def test_every_file_is_strict_json(tmp_path: Path) -> None:
    """NaN and infinities in numbers, arrays, histograms, spreads and the config are text."""
    context = ToolContext(config=LoggerConfig(), log_path=tmp_path, run_id="run")
    tool = FileLoggerConfig().create(context)
    tool.log_run_config(RunConfig('{"nan": NaN, "list": [Infinity, -Infinity]}'))
    for at, bad in enumerate(BAD):
        metrics: dict[str, Any] = {
            "number": bad,
            "numpy": np.float32(bad),
            "array": np.array([1.0, bad]),
            "tuple": (bad, np.array(bad)),
            "histogram": Histogram(np.array([0.0, bad]), np.array([bad])),
            "each": PerProcess({0: bad}),
        }
        for revision in (0, 1):
            row = Row(
                key=RowKey(1, "train", at, Kind.STEP, 0),
                revision=revision,
                epoch=0,
                time=0.0,
                metrics=metrics,
                processes=(0, 1),
                spreads={"number": Spread(bad, bad, 0, 1, (0, 1))},
                non_finite=(NonFinite(0, "h", "number", at, True),),
            )
            tool.write([row])
    tool.finalize("nan")
    lines = (tmp_path / "file_logs/metrics_train.jsonl").read_bytes().splitlines()
    rows = [json.loads(line, parse_constant=refuse) for line in lines]
    assert [row["number"] for row in rows] == ["NaN", "Infinity", "-Infinity"]
    assert [row["numpy"] for row in rows] == ["NaN", "Infinity", "-Infinity"]
    assert [row["_podlog"]["max"]["number"] for row in rows] == ["NaN", "Infinity", "-Infinity"]
    config = json.loads((tmp_path / "file_logs/config.json").read_bytes(), parse_constant=refuse)
    assert config == {"nan": "NaN", "list": ["Infinity", "-Infinity"]}


def test_every_message_carries_strict_json(tmp_path: Path) -> None:
    """The settings in `Open`; a config and a table as they were sent and are in the journal."""
    config = LoggerConfig(log_path=tmp_path, timing=TimingConfig(row_timeout_s=math.inf))
    asked = json.loads(opening(config, [], False).config_json, parse_constant=refuse)
    assert asked["timing"]["row_timeout_s"] == "Infinity"
    with Logger(LoggerConfig(log_path=tmp_path)) as logger:
        logger.log_config({"nan": math.nan, "deep": [{"inf": np.float64(math.inf)}]})
        logger.log_host_metrics({"table": Table(["a"], [[bad] for bad in BAD])}, 1)
        logger.finalize()
    journal = Journal(tmp_path / "journal.sqlite", read_only=True)
    items = journal.rows_after(0)
    journal.close()
    (sent,) = [item.config for item in items if isinstance(item, ConfigItem)]
    assert json.loads(sent.json, parse_constant=refuse) == {
        "nan": "NaN",
        "deep": [{"inf": "Infinity"}],
    }
    (row,) = [item for item in items if isinstance(item, Row)]
    table = row.metrics["table"]
    table = table.values[0] if isinstance(table, PerProcess) else table
    assert isinstance(table, Media)
    cells = json.loads(table.payload, parse_constant=refuse)["rows"]
    assert cells == [["NaN"], ["Infinity"], ["-Infinity"]]
    for path in tmp_path.rglob("*.json*"):
        for line in path.read_text().splitlines():
            json.loads(line, parse_constant=refuse)

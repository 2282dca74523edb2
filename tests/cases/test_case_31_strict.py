"""Case 31: one NaN in a file makes the whole run unreadable for a strict JSON parser.

Here a parser that refuses the constants reads every file that is named JSON.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind, RunConfig
from podlog.proto.rows import Histogram, NonFinite, PerProcess, Row, RowKey, Spread
from podlog.proto.tool import ToolContext

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

"""Case 30: plus infinity silently became the greatest float.

Here NaN, infinities, minus zero and the smallest float come back as they were from JSONL, CSV
and TensorBoard (whose floats are of 32 bits).
"""

import csv
import json
import math
import struct
from pathlib import Path

import numpy as np
from kit_tensorboard import read, scalars

from podlog.coordinator.tools import FileLoggerConfig, TensorBoardLoggerConfig
from podlog.proto.floats import float_of
from podlog.worker import Logger, LoggerConfig

VALUES = {
    "nan": math.nan,
    "inf": math.inf,
    "minus_inf": -math.inf,
    "minus_zero": -0.0,
    "small": float(np.float32(1e-45)),
    "smaller": 5e-324,
    "great": 1.7976931348623157e308,
}


def bits(value: float) -> bytes:
    """The value itself; NaN is one value."""
    return b"nan" if math.isnan(value) else struct.pack("<d", value)


def test_odd_floats_come_back_as_they_were(tmp_path: Path) -> None:
    """Through the whole way from a call to each file."""
    tools = [FileLoggerConfig(), TensorBoardLoggerConfig()]
    with Logger(LoggerConfig(log_path=tmp_path, log_tools=tools, run_id="odd")) as logger:
        logger.log_host_metrics(VALUES, 1, mode="train")
        logger.finalize()

    path = tmp_path / "file_logs" / "metrics_train.jsonl"
    row = json.loads(path.read_text())
    for key, value in VALUES.items():
        found = float_of(row[key]) if isinstance(row[key], str) else row[key]
        assert bits(found) == bits(value), key
    assert row["nan"] == "NaN"
    with path.with_suffix(".csv").open(newline="") as file:
        (cells,) = csv.DictReader(file)
    curves = read(tmp_path / "tensorboard")
    for key, value in VALUES.items():
        assert bits(float(cells[key])) == bits(value), key
        with np.errstate(over="ignore"):
            single = float(np.float32(value))
        ((_, shown),) = scalars(curves, f"train/{key}")
        assert bits(shown) == bits(single), key

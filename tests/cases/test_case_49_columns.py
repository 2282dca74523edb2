"""Case 49: CSV columns in random order; keys that come later are missing.

Here columns stand in order of first appearance, a key that comes at step 500
gets its column then, and one that is gone at step 600 leaves empty cells.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey
from podlog.proto.tool import ToolContext


def rows() -> Iterator[Row]:
    """1,000 steps; ``new`` from step 500 on, ``old`` until step 599, ``gap`` not at 700 to 799."""
    for step in range(1000):
        metrics = {"z": step + 0.25}
        if step < 600:
            metrics["old"] = -step
        if not 700 <= step < 800:
            metrics["gap"] = step * 2
        if step >= 500:
            metrics["new"] = step / 7
        yield Row(
            key=RowKey(1, "train", step, Kind.STEP, 0),
            revision=0,
            epoch=step // 100,
            time=float(step),
            metrics=metrics,
        )


@pytest.mark.parametrize("batch", [1, 7, 256])
def test_keys_may_come_and_go(tmp_path: Path, batch: int) -> None:
    """Order of columns is stable, every cell is under its key, however rows are batched."""
    context = ToolContext(config=LoggerConfig(), log_path=tmp_path, run_id="run")
    tool = FileLoggerConfig().create(context)
    todo = list(rows())
    for first in range(0, len(todo), batch):
        tool.write(todo[first : first + batch])
    tool.finalize("success")

    frame = pd.read_csv(tmp_path / "file_logs/metrics_train.csv")
    assert list(frame.columns) == ["log_step", "log_epoch", "z", "old", "gap", "new"]
    assert frame["log_step"].tolist() == list(range(1000))
    for row, (_, found) in zip(todo, frame.iterrows(), strict=True):
        present = found.drop(["log_step", "log_epoch"]).dropna().to_dict()
        assert present == pytest.approx(dict(row.metrics), rel=1e-12)

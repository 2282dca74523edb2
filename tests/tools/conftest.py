"""Rows for the tests of tools."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey
from podlog.proto.tool import ToolContext

MakeRow = Callable[..., Row]


@pytest.fixture
def make_row() -> MakeRow:
    """Makes a row of process 0 from its step and metrics; other fields by name."""

    def make(
        step: int,
        metrics: Mapping[str, Any],
        *,
        mode: str = "train",
        kind: Kind = Kind.STEP,
        n: int = 0,
        attempt: int = 1,
        revision: int = 0,
        **fields: Any,
    ) -> Row:
        defaults: dict[str, Any] = {"epoch": 1, "time": 1000.0 + step, "processes": (0,)}
        return Row(
            key=RowKey(attempt, mode, step, kind, n),
            revision=revision,
            metrics=metrics,
            **(defaults | fields),
        )

    return make


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    """The context of a run in a folder of the test's own."""
    return ToolContext(config=LoggerConfig(log_path=tmp_path), log_path=tmp_path, run_id="run-1")


@pytest.fixture
def file_logs(context: ToolContext) -> Path:
    """Where a `FileLogger` of that run writes."""
    assert context.log_path is not None
    return context.log_path / "file_logs"

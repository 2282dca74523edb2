"""Any public method may be called on one process alone: it returns by its deadline."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podlog.worker import Logger

SCRIPT = Path(__file__).parent / "scripts" / "alone.py"
SLACK_S = 1.5
"""On top of each deadline, for a machine that is busy."""
DEADLINES = {
    "should_stop": 3.0,
    "found_nans": 3.0,
    "merged": 2.0,
    "flush": 3.0,
    "finalize": 3.0,
    "close": 3.0,
    "end_epoch": 1.0,  # outside training it waits for its own device values
    "log_step": 1.0,  # it compiles
}
"""Seconds, as `scripts/alone.py` sets them; the others wait for nothing."""


@pytest.mark.processes
@pytest.mark.timeout(90)
def test_no_public_method_on_one_process_blocks_any(
    run_job: Callable[..., Any], tmp_path: Path
) -> None:
    """Process 0 calls every one while process 1 does not follow; neither hangs."""
    run_job(SCRIPT, 2, str(tmp_path), status=65)
    seconds = json.loads((tmp_path / "seconds.json").read_text())
    public = {name for name, _ in inspect.getmembers(Logger) if not name.startswith("_")}
    assert public == set(seconds)
    late = {k: s for k, s in seconds.items() if s > DEADLINES.get(k, 0.0) + SLACK_S}
    assert not late
    assert json.loads((tmp_path / "idle.json").read_text()) < SLACK_S

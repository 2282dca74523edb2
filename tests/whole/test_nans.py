"""A NaN on one process: all leave the loop at the same step, again and again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "scripts" / "nans.py"
TIMES = 100


@pytest.mark.processes
@pytest.mark.timeout(180)
def test_all_four_leave_at_the_same_step(run_job: Callable[..., Any], tmp_path: Path) -> None:
    """A hundred trainings with random delays; the last word of the job is nan."""
    run_job(SCRIPT, 4, str(TIMES), str(tmp_path), timeout=160, status=65)
    left = [json.loads((tmp_path / f"left-{process}.json").read_text()) for process in range(4)]
    assert [len(steps) for steps in left] == [TIMES] * 4
    apart = [(i, steps) for i, steps in enumerate(zip(*left, strict=True)) if len(set(steps)) > 1]
    assert not apart

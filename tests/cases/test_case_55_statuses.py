"""Case 55: preempted, interrupted, killed, NaN and failed runs cannot be told apart."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit_fates import Fate

SCRIPT = """
import os, pathlib, sys, time
from podlog.worker import Logger, LoggerConfig

how, folder = sys.argv[1], pathlib.Path(sys.argv[2])
with Logger(LoggerConfig(nan="stop")) as logger:
    logger.on_training_start()
    logger.start_epoch(1, 0)
    for step in range(1, 100_000):
        loss = float("nan") if (how, step) == ("nan", 10) else 1.0
        logger.log_host_metrics({"loss": loss}, step)
        if (how, step) == ("exception", 10):
            raise ValueError("boom")
        if step == 10:
            (folder / "pid-0").write_text(str(os.getpid()))
        if logger.should_stop(step):
            break
        time.sleep(0.01)
    logger.finalize("success")
"""


@pytest.mark.processes
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("how", "status", "exit_status"),
    [
        ("exception", "failure", 1),
        ("nan", "nan", 65),
        (signal.SIGTERM, "preempted", 75),
        (signal.SIGINT, "interrupted", 130),
        (signal.SIGKILL, "lost", 70),
    ],
)
def test_five_ends_have_five_statuses(
    start_job: Callable[..., Any],
    tmp_path: Path,
    how: str | int,
    status: str,
    exit_status: int,
) -> None:
    """In the journal, as the last line of the log, and as exit status."""
    job = start_job(SCRIPT, 1, str(how), str(tmp_path))
    fate = Fate(job, tmp_path)
    if isinstance(how, int):
        os.kill(fate.pid(0), how)
    fate.check(status, "", exit_status)
    job.wait_gone(10)

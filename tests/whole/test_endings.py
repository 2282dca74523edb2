"""However a job ends, no process of it is left."""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

LOOP = """
import time, jax
from podlog.coordinator.tools import FileLoggerConfig
from podlog.worker import Logger, LoggerConfig
jax.distributed.initialize()
with Logger(LoggerConfig(log_tools=[FileLoggerConfig()])) as logger:
    for step in range(100_000):
        logger.log_host_metrics({"a": step}, step, mode="train")
        time.sleep(0.01)
"""


@pytest.mark.processes
@pytest.mark.timeout(90)
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_after_a_signal_to_the_launcher(
    start_job: Callable[..., Any], sign: signal.Signals
) -> None:
    """15 s after the launcher got a signal all is gone; what was logged is kept."""
    job = start_job(LOOP, 2)
    path = job.run / "file_logs" / "metrics_train.jsonl"
    for _ in range(1500):
        if path.exists() and path.stat().st_size > 2000:
            break
        assert job.process.poll() is None, job.output
        threading.Event().wait(0.02)
    else:
        pytest.fail(f"no rows within 30 s:\n{job.output}")
    assert len(job.alive()) >= 4

    os.kill(job.process.pid, sign)
    job.wait_gone(15)
    status = job.process.wait(5)
    expected = {signal.SIGINT: 130, signal.SIGTERM: 75, signal.SIGKILL: -signal.SIGKILL}
    assert status == expected[sign], job.output
    assert len(job.rows("train")) > 10
    assert not list(job.run.glob("journal.sqlite-wal"))

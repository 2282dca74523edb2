"""A terminal that takes nothing more: logging goes on at full speed, and the end comes."""

import os
import sys
import time
from pathlib import Path

import pytest

from podlog.coordinator.tools import FileLoggerConfig
from podlog.worker import Logger, LoggerConfig

pytestmark = pytest.mark.alone


def test_no_call_waits_for_stdout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 lines into a pipe that nobody reads: a call that waited would never return."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        times = []
        tools = [FileLoggerConfig()]
        with Logger(LoggerConfig(log_path=tmp_path, log_tools=tools)) as logger:
            logger.start_epoch(1, 0)
            for step in range(3000):
                start = time.perf_counter()
                logger.log_step({"a": 1.0}, step)
                times.append(time.perf_counter() - start)
            assert logger.stats()["lines_not_shown"] > 0
            logger.finalize()
            start = time.monotonic()
        assert time.monotonic() - start < 10
        os.close(read)
    assert max(times) < 1.0
    assert (tmp_path / "output.log").read_text().count("Logging at step") == 3000

"""Case 11: the whole job pauses for minutes while rank 0 waits for a sink that is slow.

Here one that takes 60 s a call (made 40 times faster) costs a step nothing, beside the same
steps of a Logger without it.
"""

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest

from podlog.worker import Logger, LoggerConfig, LoggerTool, LoggerToolsConfig
from podlog.worker.metrics import update_metrics

pytestmark = pytest.mark.alone

STEPS = 600
LATENCY_S = 1.5


class Slow(LoggerTool):
    """Takes rows, each call as long as a server far away."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.calls = 0

    def write(self, rows: Any) -> None:
        self.calls += 1
        threading.Event().wait(LATENCY_S)
        super().write(rows)

    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
        self.steps.append(step)


@dataclasses.dataclass(kw_only=True)
class SlowConfig(LoggerToolsConfig):
    def create(self, logger: Any) -> Slow:
        return Slow()


def take(logger: Logger, step: int) -> float:
    """Seconds that one `log_step` took."""
    metrics = update_metrics(None, {"loss": jnp.float32(step)})
    began = time.perf_counter()
    logger.log_step(metrics, step)
    return time.perf_counter() - began


@pytest.mark.timeout(120)
def test_a_slow_sink_does_not_slow_a_step(tmp_path: Path) -> None:
    """The 99th percentile of `log_step` is that without it, or under 2 ms; it gets every row."""
    with (
        Logger(LoggerConfig(log_path=tmp_path / "slow", log_tools=[SlowConfig()])) as slow,
        Logger(LoggerConfig(log_path=tmp_path / "none")) as none,
    ):
        for logger in (slow, none):
            logger.start_epoch(1, 0, "train")
            take(logger, 0)
        with_sink, without = [], []
        for step in range(1, STEPS + 1):
            with_sink.append(take(slow, step))
            without.append(take(none, step))
            threading.Event().wait(0.002)
        p99 = [sorted(times)[STEPS * 99 // 100] for times in (with_sink, without)]
        assert p99[0] < max(0.002, 2 * p99[1]), p99

        tool: Any = slow.log_tools[0]
        assert slow.finalize().final
        assert tool.steps == list(range(STEPS + 1))
        assert tool.calls < STEPS // 10

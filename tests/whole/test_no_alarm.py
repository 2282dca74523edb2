"""Healthy runs raise no alarm, however short, and whatever they are at."""

import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import pytest

from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig

TIMING = TimingConfig(heartbeat_s=0.1, stall_after_s=2.0, row_timeout_s=3.0)
ALARM = re.compile(r"WARNING podlog: (?!process \d is slow: )")  # waits are random here


@pytest.mark.timeout(200)
@pytest.mark.parametrize("runs", [15, pytest.param(100, marks=pytest.mark.soak)])
def test_short_runs(tmp_path: Path, runs: int) -> None:
    """Alone, with phases, compiles, an evaluation inside, gates and waits."""
    alarms = []
    for run in range(runs):
        path = tmp_path / f"run{run}"
        with Logger(LoggerConfig(log_path=path, timing=TIMING, log_every_n_steps=5)) as logger:
            _train(logger, random.Random(run))
            assert logger.finalize().status == "success"
        alarms += _alarms(path)
    assert alarms == []


def test_short_pods(make_pod: Callable[..., Any]) -> None:
    """Three processes that begin, step and end at random times."""
    pod = make_pod(3, timing=TIMING, log_every_n_steps=5)
    pod.each(lambda logger: _train(logger, random.Random(id(logger)), epochs=8))
    assert {verdict.status for verdict in pod.finish()} == {"success"}
    assert _alarms(pod.folder) == []


def _train(logger: Logger, r: random.Random, epochs: int = 1) -> None:
    step = 0
    logger.on_training_start()
    for epoch in range(epochs):
        logger.start_epoch(epoch, step)
        for _ in range(10):
            step += 1
            with logger.phase("data"):
                time.sleep(r.choice([0.0, 0.0, 0.02]))
            logger.log_step({}, step)
            logger.log_host_metrics({"loss": r.random()}, step)
            assert not logger.should_stop(step)
            assert not logger.found_nans
        if r.random() < 0.3:
            jax.jit(lambda x: x + 1)(1.0)
        with logger.phase("checkpoint"):
            time.sleep(0.001)
        logger.start_epoch(epoch, step, mode="val")
        logger.end_epoch({"hits": r.random()}, step)
        logger.end_epoch({}, step)
    logger.flush()


def _alarms(folder: Path) -> list[str]:
    return [line for line in (folder / "output.log").read_text().splitlines() if ALARM.search(line)]

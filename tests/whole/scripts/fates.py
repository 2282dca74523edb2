"""A training of every process in one collective loop, which ends as its first argument says.

Arguments: the ending, the folder. Each process that lives to read a verdict
leaves it in `FOLDER/verdict-<process>.json`, with the step of its last gate;
process 0 asks for a stop once `FOLDER/go` is there.
"""

import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from podlog.cluster import initialize
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig, LoggerTool, LoggerToolsConfig

ENDING, FOLDER = sys.argv[1], Path(sys.argv[2])
STEP = 10
"""At which it happens."""
LONG = 100_000
TIMING = TimingConfig(
    row_timeout_s=4.0,
    lost_after_s=60.0 if ENDING == "stopped" else 8.0,
    stop_timeout_s=8.0,
    finalize_timeout_s=20.0,
    heartbeat_s=0.5,
    stall_after_s=2.0,
)

own = int(os.environ["SLURM_PROCID"])
if ENDING == "never" and own == 3:
    time.sleep(600)
initialize(initialization_timeout=10)

index, count = jax.process_index(), jax.process_count()
mesh = jax.make_mesh((count,), ("data",))
split = NamedSharding(mesh, PartitionSpec("data"))
ones = jax.make_array_from_callback((count,), split, lambda _: np.ones(1, np.float32))
together = jax.jit(jnp.sum, out_shardings=NamedSharding(mesh, PartitionSpec()))
if (ENDING, index) == ("early", 3):
    raise FileNotFoundError("no images here")
if (ENDING, index) == ("early-exit", 3):
    sys.exit(3)
together(ones).block_until_ready()  # so that no process learns how long the others compile


def misfortune(step: int) -> None:
    """What befalls this process at `STEP`."""
    match (ENDING, index):
        case ("exception", 3):
            raise ValueError("boom")
        case ("exit", 1):
            sys.exit(3)
        case ("killed", 2) | ("killed-first", 0):
            os.kill(os.getpid(), signal.SIGKILL)


def train(logger: Logger) -> int:
    """The loop; returns the step of the gate that ended it."""
    logger.start_epoch(epoch=1, step=0)
    for step in range(1, LONG):
        loss = float(step)
        if step == STEP:
            misfortune(step)
            if (ENDING, index) == ("nan", 2):
                loss = float("nan")
        together(ones).block_until_ready()
        logger.log_host_metrics({"loss": loss}, step)
        if step == 2 * STEP:
            (FOLDER / f"pid-{index}").write_text(str(os.getpid()))
        if index == 0 and step % 50 == 0 and (FOLDER / "go").exists():
            logger.request_stop("the test has seen enough")
        if logger.should_stop(step):
            return step
        if ENDING in ("success", "three") and step == 60:
            return step
        time.sleep(0.01)
    return LONG


def note(logger: Logger, step: int) -> None:
    verdict = logger.verdict
    said = None if verdict is None else [verdict.status, verdict.final, verdict.root_cause]
    (FOLDER / f"verdict-{index}.json").write_text(json.dumps({"verdict": said, "step": step}))


class Told(LoggerTool):
    """Notes how often and with which status it was told the end."""

    def log_metrics(self, metrics: Any, step: int, epoch: int, mode: str) -> None:
        """Rows are not what this test is about."""

    def finalize(self, status: str) -> None:
        with (FOLDER / "told").open("a") as file:
            file.write(f"{status}\n")


@dataclasses.dataclass(kw_only=True)
class ToldConfig(LoggerToolsConfig):
    def create(self, logger: Any) -> Told:
        return Told()


config = LoggerConfig(log_tools=[FileLoggerConfig(), ToldConfig()], nan="stop", timing=TIMING)
with Logger(config) as logger:
    try:
        logger.on_training_start()
        last = train(logger)
    except KeyboardInterrupt:
        logger.finalize("interrupted")
        note(logger, 0)
        raise
    logger.end_epoch({}, last)
    if (ENDING, index) != ("three", 3):
        logger.finalize("success")
        note(logger, last)

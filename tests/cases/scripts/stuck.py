"""Three processes that step together, by a collective.

Argument: a folder. In the first mode all compile for long, then process 2
does alone, and process 0 writes a checkpoint for long. In the second the data of
process 1 do not come until ``FOLDER/thaw`` is there; its other threads go on.
"""

import sys
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig

FOLDER = Path(sys.argv[1])
COMPILE, ALONE, CHECKPOINT, TUNE, FREEZE, END = 10, 15, 20, 30, 45, 60
LONG_S = 3.0
TIMING = TimingConfig(heartbeat_s=0.2, stall_after_s=1.5, row_timeout_s=20.0)

jax.distributed.initialize()
index, count = jax.process_index(), jax.process_count()
mesh = jax.make_mesh((count,), ("data",))
split = NamedSharding(mesh, PartitionSpec("data"))
ones = jax.make_array_from_callback((count,), split, lambda _: np.ones(1, np.float32))
together = jax.jit(jnp.sum, out_shardings=NamedSharding(mesh, PartitionSpec()))


def all_of_us() -> None:
    """Returns when every process has called it."""
    together(ones).block_until_ready()


def frozen_here() -> None:
    """The main thread does nothing any more, and tells nobody."""
    while not (FOLDER / "thaw").exists():
        time.sleep(0.02)


def compile_for_long() -> None:
    """A real compile whose trace takes its time."""

    def traced(x: float) -> float:
        time.sleep(LONG_S)
        return x + 1

    jax.jit(traced)(1.0)


def report(logger: Logger, over: threading.Event) -> None:
    """A thread of the script that logs whatever the main thread does."""
    step = 0
    while not over.wait(0.1):
        logger.log_host_metrics({f"reports_{index}": 1.0}, step := step + 1, mode="reports")


def train(logger: Logger, mode: str, first: int, last: int) -> None:
    """The loop."""
    logger.start_epoch(epoch=1, step=first - 1, mode=mode)
    for step in range(first, last + 1):
        with logger.phase("data"):
            time.sleep(0.002 if step <= FREEZE else 0.05)
            if step == FREEZE and index == 1:
                frozen_here()
        if step == COMPILE or (step == ALONE and index == 2):
            compile_for_long()
        if step == CHECKPOINT and index == 0:
            with logger.phase("checkpoint"):
                time.sleep(LONG_S)
        all_of_us()
        logger.log_step({}, step)
        assert not logger.should_stop(step)
    logger.end_epoch({}, last)


config = LoggerConfig(log_tools=[FileLoggerConfig()], timing=TIMING, log_every_n_steps=10)
with Logger(config) as made:
    over = threading.Event()
    reporter = threading.Thread(target=report, args=(made, over))
    reporter.start()
    made.on_training_start()
    train(made, "train", 1, TUNE)
    train(made, "tune", TUNE + 1, END)
    over.set()
    reporter.join()
    verdict = made.finalize()
    (FOLDER / f"verdict-{index}").write_text(verdict.status)

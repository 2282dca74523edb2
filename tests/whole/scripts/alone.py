"""Process 0 calls every public method, one by one, while process 1 makes a Logger and idles.

Argument: the folder. Notes seconds by method in `FOLDER/seconds.json`, and in
`FOLDER/idle.json` the longest that a call of process 1's took meanwhile.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig

FOLDER = Path(sys.argv[1])
TIMING = TimingConfig(stop_timeout_s=3.0, finalize_timeout_s=3.0, row_timeout_s=3.0)

jax.distributed.initialize()
tree = {"loss": {"mean": {"value": jnp.float32(1), "count": jnp.int32(1)}}}
logger = Logger(LoggerConfig(nan="stop", timing=TIMING))
seconds: dict[str, float] = {}


def timed(name: str, call: Callable[[], Any]) -> None:
    began = time.monotonic()
    call()
    seconds[name] = max(seconds.get(name, 0.0), time.monotonic() - began)


def phased() -> None:
    with logger.phase("data"):
        pass


if jax.process_index() == 0:
    timed("log_config", lambda: logger.log_config({"a": 1}))
    timed("on_training_start", logger.on_training_start)
    timed("start_epoch", lambda: logger.start_epoch(1, 0))
    timed("log_step", lambda: logger.log_step(tree, 1))
    timed("log_host_metrics", lambda: logger.log_host_metrics({"a": float("nan")}, 1))
    timed("found_nans", lambda: logger.found_nans)
    timed("phase", phased)
    timed("request_stop", lambda: logger.request_stop("enough"))
    for step in range(2, 5):
        timed("should_stop", lambda step=step: logger.should_stop(step))
        timed("found_nans", lambda: logger.found_nans)
    timed("end_epoch", lambda: logger.end_epoch(tree, 4))
    timed("start_epoch", lambda: logger.start_epoch(1, 4, "val"))
    timed("end_epoch", lambda: logger.end_epoch(tree, 4))
    timed("merged", lambda: logger.merged("train", 1, timeout=2.0))
    for name in ("epoch", "mode", "mode_stack", "run_id", "verdict"):
        timed(name, lambda name=name: getattr(logger, name))
    timed("stats", logger.stats)
    timed("flush", lambda: logger.flush(timeout=3.0))
    timed("finalize", lambda: logger.finalize("success"))
    timed("close", logger.close)
    (FOLDER / "seconds.json").write_text(json.dumps(seconds))
else:
    while not (FOLDER / "seconds.json").exists():
        timed("log_host_metrics", lambda: logger.log_host_metrics({"b": 1}, 1, mode="other"))
        time.sleep(0.02)
    (FOLDER / "idle.json").write_text(json.dumps(max(seconds.values())))
    logger.finalize("success")
    logger.close()

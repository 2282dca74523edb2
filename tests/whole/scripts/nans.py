"""Trains again and again; each time one process meets a NaN at a step of its own choice.

Arguments: how often, and the folder. Every process notes the step at which it
left each loop in `FOLDER/left-<process>.json`.
"""

import json
import random
import sys
import time
from pathlib import Path

import jax

from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig

TIMES, FOLDER = int(sys.argv[1]), Path(sys.argv[2])

jax.distributed.initialize()
index, count = jax.process_index(), jax.process_count()
shared, own = random.Random(7), random.Random(index)
config = LoggerConfig(nan="stop", timing=TimingConfig(heartbeat_s=2.0))
left: list[int] = []
with Logger(config) as logger:
    for training in range(TIMES):
        struck, at = shared.randrange(count), shared.randrange(1, 30)
        logger.on_training_start()
        logger.start_epoch(epoch=training, step=0)
        for step in range(1, 100_000):
            bad = index == struck and step == at
            if bad or step % 20 == 0:
                logger.log_host_metrics({"loss": float("nan") if bad else 1.0}, step)
            time.sleep(own.random() * 0.01)
            if logger.found_nans if training % 2 else logger.should_stop(step):
                break
        left.append(step)
        logger.end_epoch({}, step)
        print(f"{index}: {training}: left at {step}", flush=True)
    logger.finalize("success")
(FOLDER / f"left-{index}.json").write_text(json.dumps(left))

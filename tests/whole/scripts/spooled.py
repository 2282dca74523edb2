"""Logs until it is killed or `FOLDER/stop` is there; a witness notes what was spooled.

Arguments: the folder and which life of the job this is, from 1.
"""

import dataclasses
import os
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp

from podlog.cluster import initialize
from podlog.cluster.witness import Life, Witness
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig

folder, job = Path(sys.argv[1]), int(sys.argv[2])
initialize()
index = jax.process_index()
config = LoggerConfig(
    log_path=folder / "run",
    log_tools=[FileLoggerConfig()],
    timing=TimingConfig(row_timeout_s=3.0, lost_after_s=5.0, heartbeat_s=1.0),
)
with Witness(folder / f"witness-{index}") as witness, Logger(config) as logger:
    number = len(witness.before) + 1
    pipeline = logger._pipeline
    life = Life(pipeline.hello.incarnation, job, 1000 * job + 1, 1000 * job)
    (folder / f"pid-{job}-{index}").write_text(str(os.getpid()))
    logger.start_epoch(epoch=job, step=life.step)
    while not (folder / "stop").exists():
        step, serial = life.step + 1, life.serial + 1
        logger.log_step({"loss": {"mean": {"value": jnp.float32(step), "count": 1}}}, step)
        logger.log_host_metrics({f"p{index}_life": number, f"p{index}_serial": serial}, step)
        pipeline.fetcher.drain(10.0)
        seq = pipeline.spooler.flush(10.0)
        life = dataclasses.replace(life, step=step, serial=serial, seq=seq or 0)
        witness.write(life)
        time.sleep(0.01)
    logger.finalize("success")

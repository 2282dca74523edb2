"""Evaluates three fixed linear classifiers on the digits, each process on its uneven shard."""

import jax
import numpy as np
from sklearn.datasets import load_digits

from podlog.cluster import initialize
from podlog.coordinator.tools import FileLoggerConfig
from podlog.worker import Logger, LoggerConfig, Mean, Sum

initialize()
index, count = jax.process_index(), jax.process_count()
images, labels = load_digits(return_X_y=True)
mine = slice(index, None, count)

with Logger(LoggerConfig(log_tools=[FileLoggerConfig()])) as logger:
    for step in range(3):
        weight = np.random.default_rng(step).normal(size=(64, 10))
        logger.start_epoch(epoch=step, step=step, mode="val")
        hits = int(((images[mine] @ weight).argmax(axis=1) == labels[mine]).sum())
        total = len(labels[mine])
        logger.log_host_metrics(
            {"accuracy": Mean(hits, total), "correct": Sum(hits), "samples": Sum(total)}, step
        )
        logger.end_epoch({}, step)
    assert logger.finalize("success").final

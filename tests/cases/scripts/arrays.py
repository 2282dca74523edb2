"""Logs many jax arrays as process 1 of 2; says at each count of calls what is alive.

Arguments: the coordinator's address, the run's folder, counts of calls.
"""

import gc
import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import psutil

from podlog.worker import Logger, LoggerConfig
from podlog.worker.metrics import update_metrics


def main() -> None:
    address, folder, *counts = sys.argv[1:]
    config = LoggerConfig(log_path=Path(folder), log_every_n_steps=10)
    logger = Logger(config, process_index=1, process_count=2, coordinator_address=address)

    def train(metrics: Any, x: jax.Array) -> Any:
        return update_metrics(metrics, {"loss": {"value": x.sum(), "log_modes": ["mean", "std"]}})

    x = jnp.arange(1024.0)
    samples = list(x[:64])
    shapes = jax.eval_shape(train, None, x)
    metrics = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    train = jax.jit(train, donate_argnums=0)
    logger.on_training_start()
    logger.start_epoch(1, "train")
    step = calls = 0
    for count in map(int, counts):
        while calls < count:
            step += 1
            calls += 1
            metrics = logger.log_step(train(metrics, x), step)
            if step % 5 == 0:
                calls += 1
                logger.log_host_metrics({"sample": samples[step % 64]}, step)
            if step % 5000 == 0:
                assert logger.flush(60)
        assert logger.flush(60)
        gc.collect()
        alive = {
            "arrays": len(jax.live_arrays()),
            "rss": psutil.Process().memory_info().rss,
            "dropped": logger.stats()["spool_dropped"],
        }
        print(json.dumps(alive), flush=True)
    logger.close()


if __name__ == "__main__":
    main()

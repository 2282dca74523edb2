"""Cases 1, 2 and 39: fetching an array that spans processes breaks the job."""

from collections.abc import Callable
from typing import Any

import pytest

SCRIPT = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from podlog.coordinator.tools import FileLoggerConfig
from podlog.worker import Logger, LoggerConfig
from podlog.worker.metrics import update_metrics
jax.distributed.initialize()
mesh = Mesh(np.array(jax.devices()), "x")
replicated, sharded = NamedSharding(mesh, P()), NamedSharding(mesh, P("x"))
compiled = 0

def step_fn(metrics, x):
    global compiled
    compiled += 1
    return update_metrics(metrics, {"loss": (x ** 2).mean()})

train = jax.jit(step_fn, donate_argnums=0, out_shardings=replicated)
make = jax.jit(lambda: jnp.arange(8.0) + 1, out_shardings=sharded)
with Logger(LoggerConfig(log_every_n_steps=5, log_tools=[FileLoggerConfig()])) as logger:
    logger.start_epoch(epoch=0, step=0, mode="train")
    x = make()
    zeros = jax.jit(lambda: jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
        jax.eval_shape(lambda: update_metrics(None, {"loss": jnp.float32(0)}))),
        out_shardings=replicated)
    metrics = zeros()
    for step in range(1, 501):
        metrics = train(metrics, x)
        metrics = logger.log_step(metrics, step)
        if step == 250:
            logger.log_host_metrics({"spans": x, "fine": jnp.float32(2)}, step)
        if jax.process_index() == 0 and step % 100 == 0:
            logger.log_host_metrics({"only": step}, step)  # asymmetric: no device work of others
    assert compiled == 1, compiled
    assert logger.finalize("success").final
"""


@pytest.mark.processes
@pytest.mark.timeout(120)
def test_array_over_both_processes_is_an_error_of_its_metric(run_job: Callable[..., Any]) -> None:
    """500 steps finish; the sharded metric is an event with key and sharding, the rest logs."""
    job = run_job(SCRIPT, 2, devices=2, timeout=100)
    steps = [row for row in job.rows("train") if "loss" in row]
    assert [row["log_step"] for row in steps] == list(range(5, 501, 5))
    assert all(row["loss"] == 25.5 for row in steps)
    assert all(row["_podlog"]["processes"] == [0, 1] for row in steps)
    (fine,) = [row for row in job.rows("train") if "fine" in row]
    assert fine["fine"] == 2.0
    assert "spans" not in fine
    only = [row["only"] for row in job.rows("train") if "only" in row]
    assert only == [100, 200, 300, 400, 500]

    text = (job.run / "output.log").read_text()
    lines = sorted(line for line in text.splitlines() if "spans" in line)
    assert len(lines) == 2
    for process, line in enumerate(sorted(lines, key=lambda line: "process 1" in line)):
        assert f"process {process}" in line
        assert "NamedSharding" in line

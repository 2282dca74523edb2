"""Trains a small classifier on handwritten digits, alone or as one of many processes.

    python cluster/examples/digits.py
    podlog run -n 4 --cpu-devices 2 cluster/examples/digits.py --log-path runs/digits

The same code runs in both. The training is data-parallel over all devices of
all processes; each process holds its own part of the 1,797 images, and the
parts are not of one size. The loss is computed over all devices, so that every
process has the same value. The accuracy is counted by each process over its own
images, and podlog pools the counts: the two ways agree in the last line.
"""

import argparse
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sklearn.datasets import load_digits

import podlog.cluster
from podlog.coordinator.tools import (
    ConsoleLoggerConfig,
    FileLoggerConfig,
    TensorBoardLoggerConfig,
)
from podlog.worker import Counter, Logger, LoggerConfig, Mean, Sum
from podlog.worker.metrics import update_metrics

BATCH_SIZE = 128  # images of all processes together, roughly
HIDDEN = 128
LEARNING_RATE = 3e-3
LOG_EVERY = 4  # steps; an epoch has 12

Batch = dict[str, Any]


@functools.cache
def over(*axes: str) -> NamedSharding:
    """Over all devices of all processes: ``over("data")`` split, ``over()`` replicated."""
    return NamedSharding(Mesh(np.array(jax.devices()), ("data",)), PartitionSpec(*axes))


# ------------------------------------------------------------------- data


def load(seed: int) -> tuple[Batch, Batch]:
    """This process's images of the training set and of the validation set.

    Every process shuffles alike and takes each n-th image: nothing is shared,
    and some processes get one image more than others.
    """
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    held_out = len(order) // 5
    return _mine(digits, order[held_out:]), _mine(digits, order[:held_out])


def _mine(digits: Any, order: np.ndarray) -> Batch:
    mine = order[jax.process_index() :: jax.process_count()]
    return {
        "image": (digits.data[mine] / 16.0).astype(np.float32),
        "label": digits.target[mine].astype(np.int32),
        "total": len(order),
    }


def batches(part: Batch, rng: np.random.Generator | None = None) -> Iterator[Batch]:
    """Global batches; each process puts in its own images, then padding.

    All processes get the same number of batches, whatever the size of their
    part; `mask` tells images from padding.

    Args:
        part: this process's images.
        rng: shuffles this process's images; None: as they are.
    """
    devices = jax.local_device_count()
    size = -(-BATCH_SIZE // (jax.process_count() * devices)) * devices
    largest = -(-part["total"] // jax.process_count())
    order = np.arange(len(part["label"])) if rng is None else rng.permutation(len(part["label"]))
    for start in range(0, largest, size):
        mine = order[start : start + size]
        padding = size - len(mine)
        yield {
            "image": _global(np.pad(part["image"][mine], ((0, padding), (0, 0)))),
            "label": _global(np.pad(part["label"][mine], (0, padding))),
            "mask": _global(np.arange(size) < len(mine)),
            "samples": len(mine),
        }


def _global(local: np.ndarray) -> Any:
    return jax.make_array_from_process_local_data(over("data"), local)


# ------------------------------------------------------------------ model


def init(seed: int) -> Any:
    """Parameters of a network with one hidden layer, equal on every process."""
    first, second = jax.random.split(jax.random.key(seed))
    return {
        "w1": jax.random.normal(first, (64, HIDDEN)) / 8.0,
        "b1": jnp.zeros(HIDDEN),
        "w2": jax.random.normal(second, (HIDDEN, 10)) / HIDDEN**0.5,
        "b2": jnp.zeros(10),
    }


def forward(params: Any, batch: Batch) -> tuple[Any, Any]:
    """The sum of losses, and which images are classified rightly, shape (batch,)."""
    hidden = jax.nn.relu(batch["image"] @ params["w1"] + params["b1"])
    logits = hidden @ params["w2"] + params["b2"]
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"])
    right = (logits.argmax(-1) == batch["label"]) & batch["mask"]
    return jnp.where(batch["mask"], losses, 0.0).sum(), right


OPTIMIZER = optax.adam(LEARNING_RATE)


def start(seed: int) -> Any:
    """Parameters and the optimizer's state, replicated."""

    def both() -> Any:
        params = init(seed)
        return params, OPTIMIZER.init(params)

    return jax.jit(both, out_shardings=over())()


def train(state: Any, batch: Batch, metrics: Any) -> tuple[Any, Any]:
    """One step: the new state and metrics."""
    params, momenta = state
    count = batch["mask"].sum()

    def mean_loss(params: Any) -> Any:
        return forward(params, batch)[0] / count

    loss, gradient = jax.value_and_grad(mean_loss)(params)
    updates, momenta = OPTIMIZER.update(gradient, momenta)
    norm = {"value": optax.global_norm(gradient), "count": 1, "log_modes": ("mean", "max")}
    metrics = update_metrics(
        metrics, {"loss": {"value": loss * count, "count": count}, "grad_norm": norm}
    )
    return (optax.apply_updates(params, updates), momenta), metrics


def evaluate(state: Any, batch: Batch, metrics: Any) -> tuple[jax.Array, Any]:
    """Which images are classified rightly, and the new metrics."""
    loss, right = forward(state[0], batch)
    count = batch["mask"].sum()
    metrics = update_metrics(
        metrics,
        {
            "loss": {"value": loss, "count": count},
            "accuracy_on_devices": {"value": right.sum(), "count": count},
        },
    )
    return right, metrics


def zeros(step: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """A function that makes empty metrics of the form that `step` returns second."""
    _, form = jax.eval_shape(step, *arguments, None)

    def empty() -> Any:
        return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), form)

    return jax.jit(empty, out_shardings=over())


# --------------------------------------------------------------- training


class Trainer:
    """The training of one process."""

    def __init__(self, seed: int, logger: Logger):
        self.logger = logger
        self.train_part, self.val_part = load(seed)
        self.rng = np.random.default_rng((seed, jax.process_index()))
        self.step = 0
        self.state = start(seed)
        batch = arrays(next(batches(self.train_part)))
        self.no_metrics = zeros(train, self.state, batch)
        self.no_val_metrics = zeros(evaluate, self.state, batch)
        self.train = jax.jit(train, donate_argnums=(0, 2), out_shardings=over())
        self.evaluate = jax.jit(evaluate, donate_argnums=2, out_shardings=(over("data"), over()))

    def run(self, epochs: int) -> None:
        """All epochs, each with a validation in its middle and one at its end."""
        self.logger.on_training_start()
        metrics = self.no_metrics()
        for epoch in range(1, epochs + 1):
            self.logger.start_epoch(epoch=epoch, step=self.step, mode="train")
            metrics = self.train_epoch(epoch, metrics)
            metrics, _ = self.logger.end_epoch(metrics, step=self.step)
            if self.logger.found_nans:
                break

    def train_epoch(self, epoch: int, metrics: Any) -> Any:
        """Every image once; returns the metrics that are not logged yet."""
        stream = batches(self.train_part, self.rng)
        middle = self.step + self.train_part["total"] // BATCH_SIZE // 2
        samples, waited = 0, 0.0
        while True:
            asked = time.monotonic()
            batch = next(stream, None)
            waited += time.monotonic() - asked
            if batch is None:
                break
            self.step += 1
            self.state, metrics = self.train(self.state, arrays(batch), metrics)
            samples += batch["samples"]
            if self.step % LOG_EVERY == 0:
                self.logger.log_host_metrics(
                    {"samples": Counter(samples), "data_wait": waited}, step=self.step
                )
                samples, waited = 0, 0.0
            metrics = self.logger.log_step(metrics, step=self.step)
            if self.step == middle:
                self.validate(epoch)
        self.validate(epoch)
        return metrics

    def validate(self, epoch: int) -> None:
        """An epoch of its own inside the running one."""
        self.logger.start_epoch(epoch=epoch, step=self.step, mode="val")
        metrics, correct, samples = self.no_val_metrics(), 0, 0
        for batch in batches(self.val_part):
            right, metrics = self.evaluate(self.state, arrays(batch), metrics)
            correct += sum(int(np.asarray(part.data).sum()) for part in right.addressable_shards)
            samples += batch["samples"]
        self.logger.log_host_metrics(
            {"accuracy": Mean(correct, samples), "samples": Sum(samples)}, step=self.step
        )
        self.logger.end_epoch(metrics, step=self.step)


def arrays(batch: Batch) -> Batch:
    """What of a batch goes into a jitted step."""
    return {key: batch[key] for key in ("image", "label", "mask")}


def summary(logger: Logger, step: int) -> str:
    """What was merged, from whom, and where it lies."""
    row = logger.merged("val", step, timeout=30.0)
    if row is None:
        return f"validation at step {step} is not merged yet"
    return (
        f"\nvalidation at step {step}, merged from process {', '.join(map(str, row.processes))}\n"
        f"  loss      {row.metrics['loss']:.4f}\n"
        f"  accuracy  {row.metrics['accuracy_on_devices']:.2%}\n"
        f"logged to {logger.log_path}; as a table: podlog export {logger.log_path}\n"
    )


def main(log_path: Path, epochs: int, seed: int) -> None:
    """Trains, and tells the result in process 0."""
    podlog.cluster.initialize()  # before anything else uses JAX
    config = LoggerConfig(
        log_every_n_steps=LOG_EVERY,
        log_path=log_path,
        log_tools=[FileLoggerConfig(), TensorBoardLoggerConfig(), ConsoleLoggerConfig()],
    )
    with Logger(config) as logger:
        logger.log_config({"training": {"epochs": epochs, "seed": seed, "batch_size": BATCH_SIZE}})
        trainer = Trainer(seed, logger)
        trainer.run(epochs)
        text = summary(logger, trainer.step) if jax.process_index() == 0 else ""
        logger.finalize("nan" if logger.found_nans else "success")
    if text:
        print(text, flush=True)


def parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description="Train a digits classifier and log it with podlog.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--log-path", type=Path, default=Path("runs/digits"), help="run folder")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training images")
    parser.add_argument("--seed", type=int, default=0, help="of shuffling and of the parameters")
    return parser.parse_args()


if __name__ == "__main__":
    main(**vars(parse()))

"""A trainer written for the seed's API runs by changing imports only."""

import csv
import functools
import logging
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from podlog.coordinator.tools import FileLoggerConfig, TensorBoardLoggerConfig
from podlog.worker import Logger, LoggerConfig
from podlog.worker.metrics import get_metrics, update_metrics

STEPS_PER_EPOCH = 100
LOG_EVERY = 10


class Trainer:
    """Calls the logger in the order that the seed's trainer does, and donates its metrics."""

    def __init__(self, config: LoggerConfig, nan_at: int | None = None):
        self.logger = Logger(config, metric_postprocess_fn=self._postprocess)
        self.logger.log_config({"trainer": config, "model": {"width": 3}, "optimizer": {"lr": 0.1}})
        self.nan_at = nan_at
        self.compilations = 0
        self.step = 0

        def train(weight: jax.Array, metrics: Any, x: jax.Array, bad: jax.Array) -> Any:
            self.compilations += 1
            loss = jnp.where(bad, jnp.nan, ((weight * x - 1.0) ** 2).mean())
            metrics = update_metrics(metrics, self._step_metrics(loss, x), None)
            return weight - 0.01 * weight, metrics

        self._train = jax.jit(train, donate_argnums=(0, 1))
        self._eval = jax.jit(
            lambda weight, metrics, x: update_metrics(
                metrics, self._step_metrics((weight * x).mean(), x), None
            ),
            donate_argnums=(1,),
        )

    @staticmethod
    def _step_metrics(loss: jax.Array, x: jax.Array) -> dict[str, Any]:
        return {
            "loss": {"value": loss, "count": 1, "log_modes": ["mean", "std"]},
            "x": {"value": x.max(), "count": 1, "log_modes": ["max"]},
        }

    @staticmethod
    def _postprocess(metrics: dict[str, Any]) -> dict[str, Any]:
        metrics["doubled"] = 2 * metrics["loss_mean"]
        return metrics

    def _zeros(self) -> Any:
        x = jnp.ones(4)
        shapes = jax.eval_shape(lambda: update_metrics(None, self._step_metrics(x.sum(), x), None))
        return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    def train_model(self, epochs: int) -> str:
        logger = self.logger
        logger.on_training_start()
        logger.log_host_metrics({"params": 3}, step=0, mode="model")
        logger.log_host_metrics({"size": 1797}, step=0, mode="dataset")
        weight, metrics, status = jnp.float32(1.0), self._zeros(), "success"
        for epoch in range(1, epochs + 1):
            logger.start_epoch(epoch=epoch, step=self.step, mode="train")
            for _ in range(STEPS_PER_EPOCH):
                self.step += 1
                if self.step % 50 == 0:
                    logger.log_host_metrics({"optimizer/lr": jnp.float32(0.5)}, step=self.step)
                bad = jnp.asarray(self.nan_at == self.step)
                weight, metrics = self._train(weight, metrics, jnp.ones(4), bad)
                metrics = logger.log_step(metrics, step=self.step)
                if self.step % 60 == 0:
                    self.eval_model(weight, "val", epoch)
                if logger.found_nans:
                    status = "nan"
                    break
            metrics, host = logger.end_epoch(metrics, step=self.step)
            assert set(host) == {"epoch_time"}
            if status == "nan":
                break
            self.eval_model(weight, "val", epoch)
        if status == "success":
            self.eval_model(weight, "test", epochs)
        logger.finalize(status=status)
        return status

    def eval_model(self, weight: jax.Array, mode: str, epoch: int) -> dict[str, Any]:
        self.logger.start_epoch(epoch=epoch, step=self.step, mode=mode)
        metrics = self._zeros()
        for _ in range(3):
            metrics = self._eval(weight, metrics, jnp.ones(4))
        metrics, host = self.logger.end_epoch(metrics, step=self.step)
        assert all(isinstance(v, int | float | str | bool) for v in host.values())
        assert "loss_mean" in host
        assert "epoch_time" in host
        return host


def _config(folder: Path, **settings: Any) -> LoggerConfig:
    return LoggerConfig(
        log_path=folder,
        log_every_n_steps=LOG_EVERY,
        log_tools=[FileLoggerConfig(), TensorBoardLoggerConfig()],
        **settings,
    )


def _read(folder: Path, mode: str) -> list[dict[str, str]]:
    with (folder / "file_logs" / f"metrics_{mode}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


METRICS = {"loss_mean", "loss_std", "x_max", "doubled"}


def test_trainer_of_the_seed_runs_unchanged(tmp_path: Path) -> None:
    """Rows, columns, files and the number of compilations are what the seed's tests ask for."""
    trainer = Trainer(_config(tmp_path))
    assert trainer.train_model(epochs=2) == "success"

    assert trainer.compilations == 1
    train = [row for row in _read(tmp_path, "train") if row["loss_mean"] or row["epoch_time"]]
    steps = [int(row["log_step"]) for row in train if row["loss_mean"]]
    assert steps == list(range(10, 201, 10))
    assert len(train) == 22
    assert set(train[0]) == METRICS | {
        "epoch", "step_time", "epoch_time", "log_step", "log_epoch", "optimizer/lr",
    }  # fmt: skip
    val = _read(tmp_path, "val")
    assert len(val) == 5
    assert set(val[0]) == METRICS | {"epoch_time", "log_step", "log_epoch"}
    assert len(_read(tmp_path, "test")) == 1
    assert (tmp_path / "file_logs" / "config.json").exists()
    assert list((tmp_path / "tensorboard").glob("events*"))

    text = (tmp_path / "output.log").read_text()
    assert "Starting epoch 1 at step 0 in mode train." in text
    assert "Logging at step 10 in epoch 1 in mode train." in text
    assert "FrozenDict" not in text
    trainer.logger.close()


def test_evaluates_and_trains_again_after_finalize(tmp_path: Path) -> None:
    """The logger stays usable: an evaluation and a second training after `finalize` are logged."""
    trainer = Trainer(_config(tmp_path))
    trainer.train_model(epochs=1)
    trainer.eval_model(jnp.float32(1.0), "eval", 1)
    trainer.train_model(epochs=1)
    trainer.logger.close()

    assert len(_read(tmp_path, "eval")) == 1
    steps = [int(r["log_step"]) for r in _read(tmp_path, "train") if r["loss_mean"]]
    assert steps == list(range(10, 201, 10))


def test_found_nans_is_true_at_once_and_cleared_by_the_next_training(tmp_path: Path) -> None:
    """A NaN in the window is seen right after `log_step`; a new training starts clean."""
    trainer = Trainer(_config(tmp_path), nan_at=95)
    assert trainer.train_model(epochs=2) == "nan"
    assert trainer.step == 100
    train = [row for row in _read(tmp_path, "train") if row["loss_mean"]]
    assert len(train) == 10
    assert train[-1]["loss_mean"] == "nan"

    assert trainer.logger.found_nans
    trainer.nan_at = None
    assert trainer.train_model(epochs=1) == "success"
    assert not trainer.logger.found_nans
    trainer.logger.close()


def test_foreign_log_lines_are_complete_after_finalize(tmp_path: Path) -> None:
    """What any Python logger said before `finalize` is in output.log when it returns."""
    with Logger(LoggerConfig(log_path=tmp_path)) as logger:
        for i in range(50):
            logging.getLogger("somebody.else").info("line %d", i)
        logger.finalize("success")
        text = (tmp_path / "output.log").read_text()
    assert [f"line {i}\n" in text for i in range(50)] == [True] * 50


@pytest.mark.parametrize("tools", [[], [FileLoggerConfig()]])
def test_end_epoch_without_start_warns_and_returns(tmp_path: Path, tools: list[Any]) -> None:
    """A misuse of the seed stays harmless: a warning, the metrics back, an empty dict."""
    with Logger(LoggerConfig(log_path=tmp_path, log_tools=tools)) as logger:
        metrics = {"a": 1}
        assert logger.end_epoch(metrics, step=3) == (metrics, {})


def test_get_metrics_round_trip() -> None:
    """The functions of the seed's metrics module are where its users expect them."""
    update = functools.partial(update_metrics, step_metrics={"loss": 2.0}, default_log_modes=None)
    _, host = get_metrics(update(None))
    assert host == {"loss": 2.0}

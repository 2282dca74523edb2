"""Bad input costs the metric it is in; nothing is raised into the step, nothing else is lost."""

import enum
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from podlog.coordinator.tools import FileLoggerConfig, MemoryLogger, MemoryLoggerConfig
from podlog.worker import Logger, LoggerConfig
from podlog.worker.values import Counter, Histogram, Image, Mean, Table, Text


class Hostile:
    """Raises at whatever is asked of it."""

    def __float__(self) -> float:
        raise RuntimeError("no float")

    def __array__(self, *_: object, **__: object) -> Any:
        raise RuntimeError("no array")

    def __bool__(self) -> bool:
        raise RuntimeError("no bool")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


class Mode(enum.StrEnum):
    VAL = "val"


def tracer() -> Any:
    leaked = []
    jax.jit(lambda x: leaked.append(x) or x)(jnp.ones(2))
    return leaked[0]


def donated() -> Any:
    array = jnp.ones(3)
    jax.jit(lambda x: x * 2, donate_argnums=0)(array)
    return array


def cycle() -> Any:
    made: dict[str, Any] = {}
    made["inner"] = made
    return made


BAD: dict[str, Callable[[], Any]] = {
    "tracer": tracer,
    "key": lambda: jax.random.key(0),
    "donated": donated,
    "cycle": cycle,
    "hostile": Hostile,
    "none": lambda: None,
    "huge": lambda: 2**70,
    "nested": lambda: {"a": {"b": 1}},
    "list": lambda: [[1], [2, 3]],
    "complex": lambda: 1j,
    "bytes": lambda: b"abc",
    "date": lambda: np.datetime64("2020-01-01"),
    "objects": lambda: np.array([object()]),
    "texts": lambda: np.array(["a"]),
    "function": lambda: len,
    "mean": lambda: Mean(Hostile(), None),
    "negative": lambda: Mean(1, -1),
    "counter": lambda: Counter(float("nan")),
    "histogram": lambda: Histogram(values=[1, 2], edges=[3, 2, 1]),
    "image": lambda: Image("x"),
    "table": lambda: Table(["a"], [[1, 2]]),
    "text": lambda: Text(5),  # type: ignore[arg-type]
}


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[Logger]:
    tools = [MemoryLoggerConfig(), FileLoggerConfig()]
    with Logger(LoggerConfig(log_path=tmp_path / "run", log_tools=tools)) as logger:
        yield logger


def memory(logger: Logger) -> MemoryLogger:
    tool = logger.log_tools[0]
    assert isinstance(tool, MemoryLogger)
    return tool


def events(logger: Logger, name: str) -> list[str]:
    return [item.event.text for item in memory(logger).events if item.event.name == name]


@pytest.mark.parametrize("what", BAD)
def test_a_bad_value_is_an_event_and_the_rest_is_logged(logger: Logger, what: str) -> None:
    """In host metrics, train-step trees with and without modes, and at the end of an epoch."""
    value = BAD[what]()
    good = {"mean": {"value": 1.0, "count": 1}}
    logger.log_host_metrics({"good": 1.0, "bad": value}, step=1)
    logger.log_step({"good": good, "bad": {"mean": {"value": value, "count": 1}}}, step=2)
    logger.log_step({"good": good, "bad": value}, step=3)
    logger.start_epoch(1, 4, "val")
    _, own = logger.end_epoch({"good": good, "bad": {"mean": {"value": value, "count": 1}}}, 4)
    assert own["good_mean"] == 1.0
    assert logger.finalize().status == "success"

    rows = memory(logger).rows
    assert [row.key.step for row in rows] == [1, 2, 3, 4]
    assert all({"good", "good_mean"} & row.metrics.keys() for row in rows)
    told = events(logger, "metric_error")
    assert told
    assert all("bad" in text for text in told), told


@pytest.mark.parametrize("what", ["none", "hostile", "texts", "tracer"])
def test_no_metrics_at_all_is_an_event(logger: Logger, what: str) -> None:
    """Something else in place of the metrics comes back as it is; an epoch ends all the same."""
    value = BAD[what]()
    assert logger.log_step(value, step=1) is value
    logger.log_host_metrics(value, step=1)
    logger.start_epoch(1, 1, "val")
    metrics, own = logger.end_epoch(value, step=1)
    assert metrics is value
    assert set(own) == {"epoch_time"}
    logger.finalize()
    assert len(events(logger, "metric_error")) == 2
    assert "in place of" in events(logger, "metric_error")[0]


@pytest.mark.parametrize(
    "step", [np.int32(7), np.int64(7), jnp.int32(7), jnp.array([7]), np.array([7]), 7.0, 7]
)
def test_a_step_may_be_any_whole_number(logger: Logger, step: Any) -> None:
    """NumPy's, jax's, an array of size one, a whole float."""
    logger.start_epoch(1, step, "val")
    logger.log_step({"a": 1.0}, step)
    logger.log_host_metrics({"a": 1.0}, step)
    logger.end_epoch({"a": 1.0}, step)
    logger.should_stop(step)
    logger.finalize()
    assert {row.key.step for row in memory(logger).rows} == {7}
    assert logger.stats()["failed_calls"] == 0


@pytest.mark.parametrize(
    "step", [float("nan"), float("inf"), 7.5, 2**70, -(2**63) - 1, "7", None, donated, Hostile]
)
def test_another_step_is_an_event_and_epochs_stay_paired(logger: Logger, step: Any) -> None:
    """The call is not logged; the mode is entered and left; what follows is logged."""
    step = step() if callable(step) else step
    logger.start_epoch(1, 3, "train")
    metrics = {"a": 1.0}
    for _ in range(3):
        assert logger.log_step(metrics, step) is metrics
    logger.log_host_metrics(metrics, step)
    logger.start_epoch(step, step, "val")
    assert logger.mode_stack == ["train", "val"]
    logger.end_epoch(metrics, step)
    assert logger.mode_stack == ["train"]
    assert logger.should_stop(step) is False
    assert logger.merged("train", step, timeout=1.0) is None
    logger.log_host_metrics({"after": 1.0}, 4)
    logger.finalize()

    assert [(row.key.mode, row.key.step) for row in memory(logger).rows] == [
        ("val", 3),
        ("train", 4),
    ]
    told = events(logger, "log_error")
    assert len(told) == len(set(told)) == 7
    assert logger.stats()["failed_calls"] == 9


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        (Mode.VAL, "val"),
        ("a\ud800b", "a\\ud800b"),
        ("", ""),
        ("a/b\n\x00", "a/b\n\x00"),
        ("x" * 5000, "x" * 5000),
        (5, "5"),
        (None, "None"),
        (Hostile(), "<Hostile>"),
        (np.zeros(2), "array([0., 0.])"),
    ],
)
def test_a_mode_may_be_anything(logger: Logger, mode: Any, name: str) -> None:
    """It becomes a text that travels, and the connection to the coordinator lives."""
    logger.start_epoch(1, 1, mode)
    with logger.phase(mode):
        logger.log_host_metrics({"a": 1.0}, 1)
        assert logger.flush(10)
    logger.end_epoch({"a": 1.0}, 1)
    assert logger.merged(mode, 1, timeout=0.01) is None or True
    logger.request_stop(mode)
    logger.finalize(mode)
    assert {row.key.mode for row in memory(logger).rows} == {name}
    assert logger.stats()["connects"] == 1
    assert logger.stats()["failed_calls"] == 0


def test_keys_that_are_no_texts_are_events(logger: Logger) -> None:
    """Integers, tuples, None, even one that raises; odd texts are kept."""
    keys: list[Any] = [5, None, ("a", "b"), b"x", float("nan"), Hostile()]
    odd = ["", "a\ud800", "x" * 5000, "ü\n", "a\x00b"]
    for key in keys:
        logger.log_host_metrics({"good": 1.0, key: 1.0}, 1)
        zeros = logger.log_step({"good": 1.0, key: 1.0}, 2)
        assert set(zeros) == {"good", key}
        logger.log_step({"good": 1.0, "k": {key: {"value": 1.0, "count": 1}}}, 2)
        logger.log_step({"good": 1.0, "k": {"mean": {key: 1.0, "count": 1}}}, 2)
    logger.log_host_metrics(dict.fromkeys(odd, 1.0), 3)
    logger.finalize()
    rows = memory(logger).rows
    assert len(rows) == 4 * len(keys) + 1
    assert all("good" in row.metrics for row in rows[:-1])
    assert set(rows[-1].metrics) == {"", "a\\ud800", "x" * 5000, "ü\n", "a\x00b"}
    assert events(logger, "metric_error")


def test_a_config_that_is_no_config_is_an_event(logger: Logger, tmp_path: Path) -> None:
    """The next good one counts."""
    logger.log_config(None)  # type: ignore[arg-type]
    logger.log_config({"bad": Hostile(), "cycle": cycle()})
    logger.log_config({"a": 1})
    logger.finalize()
    assert json.loads((tmp_path / "run/file_logs/config.json").read_text())["a"] == 1


def test_bad_input_on_one_process_of_a_pod(make_pod: Callable[..., Any]) -> None:
    """Its connection lives; the others' rows and its own good values are merged."""
    pod = make_pod(2)
    bad = pod[1]
    for step in range(3):
        pod[0].log_host_metrics({"a": 1.0}, step, mode="train")
        bad.log_host_metrics({"a": 3.0, "b": Hostile(), 5: 1.0}, step, mode="train")
        bad.log_host_metrics({"a": 1.0}, 2**70, mode="train")
        bad.log_host_metrics({"c": 1.0}, step, mode="a\ud800")
        bad.should_stop(2**64)
        with bad.phase("\udfff"):
            assert bad.flush(20)
    verdicts = pod.each(lambda logger: logger.finalize("success"))
    assert [v.final for v in verdicts] == [True, True]
    pod.close()
    assert [row["a"] for row in pod.rows("train")] == [2.0] * 3
    assert bad.stats()["connects"] == 1
    for part in ("b at step 0", "5 at step 0", "a step must fit into 64 bits"):
        assert part in pod.log

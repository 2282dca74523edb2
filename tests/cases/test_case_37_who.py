"""Cases 37 and 38: NaN on one process is not attributed, and nobody is told."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest


def test_nan_on_one_process_is_named_with_host_key_and_step(make_pod: Callable[..., Any]) -> None:
    """The merged value is NaN; row and log name process 2, its host, the key and the step."""
    pod = make_pod(4)
    for i, logger in enumerate(pod.loggers):
        logger.log_host_metrics({"loss": float("nan") if i == 2 else 1.0}, step=5, mode="train")
    pod.finish("nan")

    (row,) = pod.rows("train")
    assert row["loss"] == "NaN"
    (who,) = row["_podlog"]["non_finite"]
    assert (who["process"], who["key"], who["step"]) == (2, "loss", 5)
    assert who["host"] == socket.gethostname()
    (line,) = [line for line in pod.log.splitlines() if "NaN" in line]
    for part in ("process 2", socket.gethostname(), "loss", "step 5"):
        assert part in line


def test_warning_comes_within_a_log_interval(make_pod: Callable[..., Any]) -> None:
    """The line is in output.log while training goes on, not at the end."""
    pod = make_pod(2)
    pod[1].log_host_metrics({"loss": float("nan")}, step=5, mode="train")
    assert pod[1].flush(10)
    path = pod.folder / "output.log"
    for _ in range(500):
        if path.exists() and "NaN" in path.read_text():
            return
        threading.Event().wait(0.02)
    pytest.fail("no warning within 10 s")


def test_all_leave_at_the_same_step_and_the_run_ends_as_nan(make_pod: Callable[..., Any]) -> None:
    """With ``nan="stop"`` nobody leaves alone, whatever each one's pace is."""
    pod = make_pod(4, nan="stop")

    def train(logger: Any) -> int:
        logger.on_training_start()
        for step in range(1, 10_000):
            bad = logger is pod[3] and step == 20
            logger.log_host_metrics({"loss": float("nan") if bad else 1.0}, step, mode="train")
            threading.Event().wait(0.002 * (1 + pod.loggers.index(logger)))
            if logger.should_stop(step):
                return step
        return 0

    steps = pod.each(train)
    assert len(set(steps)) == 1
    assert steps[0] >= 20
    verdicts = pod.finish("success")
    assert [(v.status, v.final) for v in verdicts] == [("nan", True)] * 4
    assert all("process 3" in v.root_cause and "loss" in v.root_cause for v in verdicts)

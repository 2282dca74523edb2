"""Cases 46 and 61: N processes make N runs, N configs, N event files."""

import json
from collections.abc import Callable
from typing import Any

from podlog.coordinator.tools import FileLoggerConfig, TensorBoardLoggerConfig


def test_eight_processes_make_one_run(make_pod: Callable[..., Any]) -> None:
    """Eight Loggers with the same code: one run id, one config, one event file, one row a step."""
    pod = make_pod(8, log_tools=[FileLoggerConfig(), TensorBoardLoggerConfig()])
    pod.each(lambda logger: logger.log_config({"model": {"width": 3}}))
    for step in range(5):
        pod.each(lambda logger, step=step: logger.log_host_metrics({"a": 1}, step, mode="train"))
    pod.finish()

    assert len(pod.rows("train")) == 5
    assert all(row["_podlog"]["processes"] == list(range(8)) for row in pod.rows("train"))
    assert len(list((pod.folder / "tensorboard").iterdir())) == 1
    config = json.loads((pod.folder / "file_logs" / "config.json").read_text())
    assert config["model"] == {"width": 3}
    assert len({logger.run_id for logger in pod.loggers}) == 1

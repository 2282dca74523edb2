"""Tools and a postprocess function that misbehave: training and the other tools go on."""

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podlog.coordinator.tools import FileLoggerConfig, MemoryLoggerConfig
from podlog.proto.errors import ConfigError
from podlog.worker import Logger, LoggerConfig

TOOLS = """
import dataclasses, os, sys, time
import jax
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig, LoggerTool, LoggerToolsConfig

jax.distributed.initialize()

class Bad(LoggerTool):
    def __init__(self, how, path):
        self.how, self.path = how, path / how
    def log_metrics(self, metrics, step, epoch, mode):
        if self.how == "prints":
            print("noise" * 1000)
            os.write(1, b"raw" * 10000)
            os.system("echo from a child")
        if self.how == "dies" and not self.path.exists():
            self.path.touch()
            os._exit(9)
        if self.how == "raises":
            raise RuntimeError("it broke")
        if self.how == "hangs":
            time.sleep(1000)
        with self.path.open("a") as file:
            file.write(f"{step}\\n")

@dataclasses.dataclass(kw_only=True)
class BadConfig(LoggerToolsConfig):
    how: str
    def create(self, logger):
        if self.how == "none":
            return None
        print("made")
        return Bad(self.how, logger.log_path)

hows = ["prints", "dies", "raises", "none", "hangs"]
tools = [*(BadConfig(how=how) for how in hows), FileLoggerConfig()]
config = LoggerConfig(log_tools=tools, timing=TimingConfig(tools_timeout_s=8))
with Logger(config) as logger:
    for step in range(5):
        logger.log_host_metrics({"a": step}, step, mode="train")
    start = time.monotonic()
    assert logger.finalize("success").final
    assert time.monotonic() - start < 8
"""


@pytest.mark.processes
@pytest.mark.timeout(120)
def test_tools_that_print_die_raise_or_hang(run_job: Callable[..., Any]) -> None:
    """Each in its own process: none disturbs another, the job succeeds, all are named and gone."""
    job = run_job(TOOLS, 2, timeout=90)
    job.wait_gone()
    assert [row["a"] for row in job.rows("train")] == [0, 1, 2, 3, 4]
    steps = [str(step) for step in range(5)]
    assert (job.run / "prints").read_text().split() == steps
    assert (job.run / "dies").read_text().split() == steps
    assert not (job.run / "raises").exists()
    assert not (job.run / "hangs").exists()
    log = (job.run / "output.log").read_text()
    assert "tool Bad-3 was not given" in log
    assert "it broke" in log
    assert "return a LoggerTool" in log
    (late,) = [line for line in log.splitlines() if "not through at the end" in line]
    assert "Bad-5" in late
    assert "FileLogger" not in late
    assert "noise" not in job.output


@dataclasses.dataclass(kw_only=True)
class Locked(MemoryLoggerConfig):
    lock: Any = dataclasses.field(default_factory=threading.Lock)


def test_a_tool_config_that_cannot_travel_is_refused_at_once(
    make_pod: Callable[..., Any], tmp_path: Path
) -> None:
    """In a pod the Logger raises and names it; in a single process it need not travel."""
    with pytest.raises(ConfigError, match=r"tool Locked .* make them in the tool"):
        make_pod(2, log_tools=[Locked()])
    with Logger(LoggerConfig(log_path=tmp_path / "alone", log_tools=[Locked()])) as logger:
        logger.log_host_metrics({"a": 1.0}, 1)
        assert logger.finalize().status == "success"


def raising(metrics: dict[str, Any]) -> Any:
    raise ValueError("bad function")


def nothing(metrics: dict[str, Any]) -> Any:
    metrics.clear()


def rubbish(metrics: dict[str, Any]) -> Any:
    return {"x": object(), 5: 6, "nested": {"a": 1}, "none": None, "list": [1]}


@pytest.mark.parametrize("function", [raising, nothing, rubbish])
def test_a_postprocess_function_that_misbehaves_costs_itself_only(
    tmp_path: Path, function: Callable[[dict[str, Any]], Any]
) -> None:
    """The row goes to the tools as it was merged; `end_epoch` returns what it can."""
    config = LoggerConfig(log_path=tmp_path, log_tools=[MemoryLoggerConfig(), FileLoggerConfig()])
    with Logger(config, function) as logger:
        logger.start_epoch(1, 1, "val")
        _, own = logger.end_epoch({"a": {"mean": {"value": 2.0, "count": 1}}}, 1)
        assert own["epoch_time"] > 0
        if function is not rubbish:
            assert own["a_mean"] == 2.0
        assert logger.finalize().status == "success"
        rows: Any = logger.log_tools[0]
        assert [row.metrics["a_mean"] for row in rows.rows] == [2.0]
    assert "metric_postprocess_fn" in (tmp_path / "output.log").read_text()

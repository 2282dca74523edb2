"""Cases 18 and 53: an exception in one process is hidden, the others run on, the run stays open."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit_fates import Fate

SCRIPT = """
import dataclasses, pathlib, sys, time
import jax
from podlog.coordinator.tools import FileLoggerConfig
from podlog.worker import Logger, LoggerConfig, LoggerTool, LoggerToolsConfig

jax.distributed.initialize()
folder = pathlib.Path(sys.argv[1])


class Told(LoggerTool):
    def log_metrics(self, metrics, step, epoch, mode):
        pass

    def finalize(self, status):
        (folder / "told").write_text(status)


@dataclasses.dataclass(kw_only=True)
class ToldConfig(LoggerToolsConfig):
    def create(self, logger):
        return Told()


def train_step(step):
    if jax.process_index() == 1 and step == 5:
        raise ValueError("the shape of the batch is wrong")


with Logger(LoggerConfig(log_tools=[FileLoggerConfig(), ToldConfig()])) as logger:
    logger.start_epoch(1, 0)
    for step in range(100_000):
        train_step(step)
        logger.log_host_metrics({"a": step}, step)
        time.sleep(0.02)
"""


@pytest.mark.processes
@pytest.mark.timeout(90)
def test_it_ends_the_job_with_its_traceback(start_job: Callable[..., Any], tmp_path: Path) -> None:
    """Exit status 1 soon; `failure` with host, error and traceback in journal, log and tool."""
    fate = Fate(start_job(SCRIPT, 2, str(tmp_path)), tmp_path)
    assert fate.job.wait(40) == 1, fate.job.output
    verdict = fate.verdict
    assert (verdict.status, verdict.final) == ("failure", True)
    assert "process 1 on " in verdict.root_cause
    assert "ValueError: the shape of the batch is wrong" in verdict.root_cause
    assert fate.told == ["failure"]

    (failed,) = fate.items("failed")
    assert failed.process == 1
    trace = "\n".join([failed.event.text, *failed.event.fields.values()])
    assert "in train_step" in trace
    assert verdict.root_cause in fate.log[-1]
    fate.job.wait_gone(10)

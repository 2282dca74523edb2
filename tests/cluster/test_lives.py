"""`podlog run` on scripts with Loggers that end badly: what is said, kept and started again."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from kit_until import until

from podlog.coordinator.reading import reading

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

LOGGERS = """
import os, signal, sys, time
from podlog.cluster import env
from podlog.worker import Logger, LoggerConfig
index, count = int(os.environ["SLURM_PROCID"]), int(os.environ["SLURM_NTASKS"])
logger = Logger(LoggerConfig(log_path=None), process_index=index, process_count=count)
def wait(name):
    while not os.path.exists(name):
        time.sleep(0.01)
def stored(value, step):
    logger.log_host_metrics({"a": value}, step, mode="train")
    assert logger.flush(timeout=20)
    open(f"stored-{index}", "w").close()
"""


@pytest.fixture
def run(start_job: Callable[..., Any]) -> Callable[..., Any]:
    """Starts a job of two with Loggers."""
    return lambda script, *options: start_job(LOGGERS + script, 2, options=options)


def test_a_life_that_failed_is_followed_by_one_that_succeeds(run: Callable[..., Any]) -> None:
    """The same log_path keeps the rows of both, and the verdict of the last one."""
    job = run(
        """
life = 1 + os.path.exists("lived")
stored(10 * life + index, life)
if life == 1:
    wait("stored-0"), wait("stored-1")
    if index == 1:
        open("lived", "w").close()
        os._exit(3)
    time.sleep(60)
logger.finalize("success")
""",
        "--restarts", "2", "--grace", "2",
    )  # fmt: skip
    assert job.wait(100) == 0, job.output
    assert job.output.count("started again: restart 1 of 2") == 1
    assert "restart 2" not in job.output
    with reading(job.run) as opened:
        journal = opened.journal
        attempts = journal.attempts()
        assert [a.number for a in attempts] == [1, 2]
        assert len({a.job_id for a in attempts}) == 2
        found = journal.verdict()
        assert found is not None
        assert (found.status, found.final) == ("success", True)


def test_a_killed_process_is_named_everywhere(run: Callable[..., Any]) -> None:
    """On the terminal at once, in the journal as the root cause, as the exit status."""
    job = run("stored(1, 1)\ntime.sleep(100)", "--grace", "1")
    until(lambda: len(list(job.folder.glob("stored-*"))) == 2, 60)
    (victim,) = [p for p in job.alive() if _index(p) == "1"]
    victim.kill()
    assert job.wait() == 70, job.output
    assert "process 1 was ended by SIGKILL: stopping the other 1" in job.output
    with reading(job.run) as opened:
        found = opened.journal.verdict()
    assert found is not None
    assert (found.status, found.final) == ("lost", True)
    assert "process 1" in found.root_cause
    assert job.output.splitlines()[-1].startswith(f"podlog: lost: {found.root_cause}")


def test_a_reported_failure_is_not_waited_for(run: Callable[..., Any]) -> None:
    """The coordinator names the process while it still runs; all are stopped, it is the cause."""
    job = run(
        """
stored(1, 1)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if index == 1:
    logger.finalize("failure")
time.sleep(100)
""",
        "--grace", "1",
    )  # fmt: skip
    assert job.wait() == 1, job.output
    assert "failure" in job.output.splitlines()[-1]
    assert "process 1" in job.output.splitlines()[-1]
    assert any("process 1" in x and "stopping the other 1" in x for x in job.output.splitlines())


def test_ctrl_c_is_the_cause_whatever_the_processes_say(run: Callable[..., Any]) -> None:
    """The launcher's own signal is the first sign."""
    job = run("stored(1, 1)\ntime.sleep(100)", "--restarts", "1")
    until(lambda: len(list(job.folder.glob("stored-*"))) == 2, 60)
    os.kill(job.process.pid, signal.SIGINT)
    assert job.wait() == 130, job.output
    assert "started again" not in job.output
    assert "SIGINT" in job.output.splitlines()[-1]


def _index(process: Any) -> str:
    """Of a script's process; "" of any other one."""
    found: str = process.environ().get("SLURM_PROCID", "")
    return found

"""`podlog exec` with real JAX: each process as if on a host of its own."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import kit_exec
import pytest
from kit_exec import Hosts
from kit_until import until

from podlog.cluster import address, env

Start = Callable[..., Hosts]

TRAIN = """
import os, sys, time
import jax
jax.config.update("jax_platforms", "cpu")
jax.distributed.initialize()
import jax.numpy as jnp
from jax.experimental import multihost_utils
from podlog.worker import Logger, LoggerConfig

me = jax.process_index()
logger = Logger(LoggerConfig())
logger.on_training_start()
logger.start_epoch(1, 0)
for step in range(1, STEPS):
    multihost_utils.process_allgather(jnp.ones(4))
    logger.log_host_metrics({"loss": float(step)}, step)
    if step == 3:
        open(f"up-{me}", "w").write(str(os.getpid()))
    if step == 4 and me == FAILS:
        sys.exit(3)
    time.sleep(0.01)
print("final" if logger.finalize("success").final else "not final")
logger.close()
"""


EARLY = """
if me == 1:
    raise FileNotFoundError("no images here")
"""


def _train(steps: int = 10_000, fails: int = -1) -> str:
    return TRAIN.replace("STEPS", str(steps)).replace("FAILS", str(fails))


@pytest.mark.processes
def test_success_where_the_environment_names_the_coordinator(hosts: Start, tmp_path: Path) -> None:
    """``PODLOG_COORDINATOR`` and ``PODLOG_TOKEN`` in all places: process 0 listens there."""
    named = {
        env.COORDINATOR: f"127.0.0.1:{address.free_port()}",
        env.TOKEN: "5e" * 32,
        env.LOG_PATH: str(tmp_path / "run"),
    }
    job = hosts(_train(steps=6), 2, "--no-tls", env=named)
    assert job.wait() == [0, 0], job.said()
    for index in range(2):
        assert "final\n" in job.output(index)
        assert "podlog: success" in job.output(index)
    assert "5 rows" in job.output(0)
    assert (tmp_path / "run" / "journal.sqlite").exists()


@pytest.mark.processes
def test_one_that_exits_stops_all(hosts: Start, tmp_path: Path) -> None:
    """Exit code 3 while the others are in a collective: a failure everywhere, within seconds.

    No launcher was told where the coordinator is: each heard it of its process, which
    found it in JAX's store.
    """
    job = hosts(_train(fails=1), 3, "--grace", "1", "--log-path", str(tmp_path / "run"))
    assert job.wait() == [1, 1, 1], job.said()
    for index in range(3):
        assert "exit code 3" in job.output(index), job.said()
    log = (tmp_path / "run" / "output.log").read_text().splitlines()
    assert "verdict: failure: process 1" in log[-1] and "exit code 3" in log[-1]


@pytest.mark.processes
def test_one_that_fails_before_its_logger_stops_all(hosts: Start, tmp_path: Path) -> None:
    """Its launcher had heard of no coordinator: the process still looks it up as it ends."""
    script = _train().replace("logger = Logger", f"{EARLY}\nlogger = Logger")
    job = hosts(script, 3, "--grace", "1", "--log-path", str(tmp_path / "run"))
    assert job.wait() == [1, 1, 1], job.said()
    for index in range(3):
        assert "process 1" in job.output(index).splitlines()[-1], job.said()
        assert "exit code 1" in job.output(index).splitlines()[-1], job.said()
    assert "no images here" in job.output(1)


@pytest.mark.processes
def test_one_that_is_killed_stops_all(hosts: Start, tmp_path: Path) -> None:
    """SIGKILL in a collective loop: one verdict and exit status in all places, within seconds."""
    job = hosts(_train(), 3, "--grace", "1", "--log-path", str(tmp_path / "run"))
    pids = [job.pid(index) for index in range(3)]
    os.kill(pids[2], signal.SIGKILL)
    began = time.monotonic()
    assert job.wait() == [70, 70, 70], job.said()
    assert time.monotonic() - began < 20
    for index in range(3):
        assert "process 2" in job.output(index).splitlines()[-1]
    until(lambda: not job.alive())


LATE = """
import os, pathlib, time
from podlog.cluster import attend
from podlog.cluster.cli import main

attended, run = attend.Attendance._attended, pathlib.Path(os.environ["PODLOG_LOG_PATH"])

def late(self, contact):
    while (run / "coordinator.json").exists() or not (run / "journal.sqlite").exists():
        time.sleep(0.05)
    return attended(self, contact)

if os.environ["SLURM_PROCID"] == "1":
    attend.Attendance._attended = late
main()
"""
SHORT = """
import jax
jax.config.update("jax_platforms", "cpu")
jax.distributed.initialize()
from podlog.worker import Logger, LoggerConfig

with Logger(LoggerConfig()) as logger:
    logger.log_host_metrics({"loss": 0.5}, 1, "train")
    if FAILS and jax.process_index() == 1:
        raise ValueError("boom")
    logger.finalize("success")
"""


@pytest.mark.processes
@pytest.mark.parametrize(("fails", "status", "word"), [(0, 0, "success"), (1, 1, "boom")])
def test_a_launcher_that_comes_too_late_says_the_same(
    hosts: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: int,
    status: int,
    word: str,
) -> None:
    """The coordinator of a short job has settled and ended before it was reached."""
    (tmp_path / "late.py").write_text(LATE)
    monkeypatch.setattr(kit_exec, "PODLOG", [sys.executable, str(tmp_path / "late.py")])
    log_path = {env.LOG_PATH: str(tmp_path / "run")}
    job = hosts(SHORT.replace("FAILS", str(fails)), 2, "--grace", "2", env=log_path)
    assert job.wait() == [status, status], job.said()
    for index in range(2):
        assert word in job.output(index).splitlines()[-1], job.said()

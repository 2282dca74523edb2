"""`podlog run` on scripts that make no Logger: start, stop, exit status."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from kit_jobs import MARK, marked, of_module


class Running:
    """One `podlog run`, whose processes are found by a mark in their environment."""

    def __init__(self, folder: Path, script: str, *options: str):
        self.mark = uuid.uuid4().hex
        self.folder = folder
        (folder / "script.py").write_text(textwrap.dedent(script))
        with (folder / "out").open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "podlog.cluster.cli", "run", *options, "script.py", "x"],
                cwd=folder,
                env={**os.environ, MARK: self.mark},
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def output(self) -> str:
        """What it printed so far."""
        return (self.folder / "out").read_text()

    def wait(self, timeout: float = 40) -> int:
        """Its exit status."""
        return self.process.wait(timeout)

    def wait_for(self, count: int, files: str = "up-*", timeout: float = 30) -> None:
        """Waits until `count` scripts wrote such a file."""
        self._until(lambda: len(list(self.folder.glob(files))) == count, timeout)

    def wait_said(self, text: str, timeout: float = 30) -> None:
        """Waits until that was printed."""
        self._until(lambda: text in self.output(), timeout)

    def wait_gone(self, timeout: float = 15) -> None:
        """Waits until no process of the job runs."""
        self._until(lambda: not self.alive(), timeout)

    def alive(self) -> list[psutil.Process]:
        """The processes that carry the mark."""
        return marked(self.mark)

    def _until(self, condition: Callable[[], bool], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, self.output()
            threading.Event().wait(0.05)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts `podlog run`; what still runs at the end is killed."""
    started: list[Running] = []

    def go(script: str, *options: str) -> Running:
        started.append(Running(tmp_path, script, *options))
        return started[-1]

    yield go
    for running in started:
        running.process.kill()
        running.process.wait()
        for process in running.alive():
            process.kill()


UP = """
import os, signal, sys, time
index = os.environ["SLURM_PROCID"]
open(f"up-{index}", "w").close()
"""


def test_every_process_gets_its_place_and_the_scripts_arguments(
    start: Callable[..., Running],
) -> None:
    """Each of n processes runs the script with its arguments and its own index."""
    running = start(
        """
        import os, sys
        from podlog.cluster import env
        told = env.read()
        assert told.contact().address.startswith("127.0.0.1:"), told
        assert told.cert and told.job_id and told.started
        assert told.log_path.is_absolute() and told.run_id == "name"
        print(sys.argv[1:], os.environ["SLURM_PROCID"], os.environ["SLURM_NTASKS"])
        """,
        "-n", "3", "--log-path", "run", "--run-id", "name",
    )  # fmt: skip
    assert running.wait() == 0, running.output()
    lines = sorted(line for line in running.output().splitlines() if line.startswith("["))
    assert lines == [f"['x'] {index} 3" for index in range(3)]
    assert "no Logger" in running.output()
    running.wait_gone()


def test_failure_stops_the_others(start: Callable[..., Running]) -> None:
    """One process fails: it is named, the others get SIGTERM, the status is 1."""
    running = start(
        UP
        + textwrap.dedent("""
        if index == "1":
            while len([f for f in os.listdir() if f.startswith("up-")]) < 3:
                time.sleep(0.01)
            sys.exit(7)
        time.sleep(60)
        """),
        "-n", "3",
    )  # fmt: skip
    assert running.wait() == 1, running.output()
    assert "process 1 ended with exit code 7" in running.output()
    running.wait_gone()


def test_deaf_process_is_killed(start: Callable[..., Running]) -> None:
    """A process that ignores SIGTERM is killed after the grace, and is no cause."""
    running = start(
        UP
        + textwrap.dedent("""
        if index == "0":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            open("deaf", "w").close()
            time.sleep(60)
        while not os.path.exists("deaf"):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGSEGV)
        """),
        "-n", "2", "--grace", "0.5",
    )  # fmt: skip
    assert running.wait() == 70, running.output()
    assert "process 1 was ended by SIGSEGV" in running.output()
    assert "process 0" not in running.output()
    running.wait_gone()


def test_a_killed_process_is_lost(start: Callable[..., Running]) -> None:
    """The others are stopped; without a coordinator's verdict the launcher's own words count."""
    running = start(
        UP
        + textwrap.dedent("""
        if index == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
        """),
        "-n", "3",
    )  # fmt: skip
    assert running.wait() == 70, running.output()
    assert "process 1 was ended by SIGKILL: stopping the other 2" in running.output()
    assert running.output().splitlines()[-1].startswith("podlog: lost: process 1")
    running.wait_gone()


def test_a_second_signal_kills(start: Callable[..., Running]) -> None:
    """Who asks twice does not wait for the grace, nor for processes that do not listen."""
    running = start(
        UP
        + textwrap.dedent("""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(f"deaf-{index}", "w").close()
        time.sleep(60)
        """),
        "-n", "2", "--grace", "60",
    )  # fmt: skip
    running.wait_for(2, "deaf-*")
    running.process.send_signal(signal.SIGINT)
    running.wait_said("SIGINT received: stopping 2 processes")
    running.process.send_signal(signal.SIGTERM)
    assert running.wait() == 130, running.output()
    running.wait_gone()


def test_a_job_that_fails_is_started_again(start: Callable[..., Running]) -> None:
    """As often as it may; each life has its own job, and the last one's end counts."""
    script = """
        import os, sys
        from podlog.cluster import env
        print("life", env.read().job_id, env.read().log_path, flush=True)
        sys.exit(7)
        """
    running = start(script, "--restarts", "2", "--log-path", "run")
    assert running.wait() == 1, running.output()
    lines = running.output().splitlines()
    lives = [line.split()[1:] for line in lines if line.startswith("life")]
    assert len({job for job, _ in lives}) == len(lives) == 3
    assert len({path for _, path in lives}) == 1
    told = [line for line in lines if "started again" in line]
    assert told == [f"podlog: the job is started again: restart {i} of 2" for i in (1, 2)]
    running.wait_gone()


def test_a_job_that_was_told_to_stop_is_not_started_again(start: Callable[..., Running]) -> None:
    """A signal to the launcher is meant for the job, not for one life of it."""
    running = start(
        UP + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); time.sleep(60)",
        "--restarts", "3",
    )  # fmt: skip
    running.wait_for(1)
    running.process.send_signal(signal.SIGTERM)
    assert running.wait() == 75, running.output()
    assert "started again" not in running.output()
    running.wait_gone()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_signals_are_passed_on(
    start: Callable[..., Running], number: signal.Signals, status: int
) -> None:
    """SIGINT and SIGTERM reach every process; the status says which it was."""
    running = start(
        f"""
        import os, signal, sys
        def end(number, frame):
            open(f"got-{{number}}-{{os.environ['SLURM_PROCID']}}", "w").close()
            sys.exit(0)
        signal.signal({int(number)}, end)
        open(f"up-{{os.environ['SLURM_PROCID']}}", "w").close()
        signal.pause()
        """,
        "-n", "2",
    )  # fmt: skip
    running.wait_for(2)
    running.process.send_signal(number)
    assert running.wait() == status, running.output()
    assert {p.name for p in running.folder.glob("got-*")} == {
        f"got-{int(number)}-{i}" for i in (0, 1)
    }
    running.wait_gone()


def test_killed_launcher_leaves_nothing(start: Callable[..., Running]) -> None:
    """After SIGKILL of the launcher, processes and coordinator are gone within 15 s."""
    running = start(UP + "time.sleep(120)", "-n", "2")
    running.wait_for(2)
    assert len(running.alive()) == 4
    running.process.kill()
    running.wait_gone()


def test_a_coordinator_that_dies_is_started_again(start: Callable[..., Running]) -> None:
    """The processes find it where the launcher's file says; it is told once, and settles."""
    running = start(
        """
        import os, time
        from podlog.cluster import env
        told = env.read()
        assert told.contact() is not None
        path = os.environ["PODLOG_CONTACT"]
        assert os.stat(path).st_mode & 0o777 == 0o600
        before = os.stat(path).st_mtime_ns
        open(f"up-{os.environ['SLURM_PROCID']}", "w").close()
        while os.stat(path).st_mtime_ns == before:
            time.sleep(0.01)
        assert told.contact().token == told.token
        """,
        "-n", "2",
    )  # fmt: skip
    running.wait_for(2)
    (coordinator,) = of_module("podlog.coordinator", running.alive())
    coordinator.kill()
    assert running.wait() == 0, running.output()
    assert running.output().count("was ended by SIGKILL; it is started again") == 1
    running.wait_gone()

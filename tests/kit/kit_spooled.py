"""Jobs of `scripts/spooled.py`: what they spooled, and whether it is in the journal."""

import contextlib
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
from kit_jobs import MARK, marked, of_module

from podlog.cluster import address, env
from podlog.cluster.chaosaudit import Counting
from podlog.cluster.chaosjob import witnesses
from podlog.cluster.witness import lives

SCRIPT = Path(__file__).parents[1] / "whole" / "scripts" / "spooled.py"


class Bare:
    """N processes of a JAX job that no launcher of ours started: a scheduler's own."""

    def __init__(self, folder: Path, n: int, job: int) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.output = folder / f"bare-{job}.out"
        port = address.free_port()
        told = env.Environment()
        with self.output.open("wb") as out:
            self.processes = [
                subprocess.Popen(
                    [sys.executable, str(SCRIPT), str(folder), str(job)],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env={**env.child(told, index, n, port, 1), MARK: self.mark},
                    start_new_session=True,
                )
                for index in range(n)
            ]

    def coordinator(self) -> psutil.Process:
        """The coordinator that process 0 started."""
        (found,) = of_module("podlog.coordinator", self.alive())
        return found

    def alive(self) -> list[psutil.Process]:
        """Every process of this job that still runs."""
        return marked(self.mark)

    def wait_gone(self, timeout: float) -> None:
        """Until all have ended, the coordinator too."""
        wait(lambda: not self.alive(), timeout, self.output)

    def close(self) -> None:
        """Kills what is left."""
        for process in self.alive():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for process in self.processes:
            process.wait(10)


@contextlib.contextmanager
def bare(folder: Path, n: int, job: int = 1) -> Iterator[Bare]:
    """A `Bare`, of which nothing is left afterwards."""
    started = Bare(folder, n, job)
    try:
        yield started
    finally:
        started.close()


def wait(condition: object, timeout: float, output: Path) -> None:
    """Until `condition()`; fails with what was printed."""
    assert callable(condition)
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, output.read_text(errors="replace")[-5000:]
        threading.Event().wait(0.02)


def spooled(folder: Path, n: int, job: int, least: int) -> bool:
    """Whether each of n processes has spooled that many records in this life of the job."""
    found = witnesses(folder)
    return (
        all(
            any(life.job == job and life.seq >= least for life in lives(found[index]))
            for index in range(n)
            if index in found
        )
        and len(found) >= n
    )


def missing(folder: Path) -> list[str]:
    """What witnesses saw and the journal has not, or has twice; all lives of the job."""
    counting = Counting(
        folder / "run", {process: lives(path) for process, path in witnesses(folder).items()}
    )
    counting.journal()
    counting.hosts()
    assert counting.counts["host records witnessed"] > 0
    return counting.problems

"""Fixtures for real jobs: `podlog run` on a script, in its own folder."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

MARK = "PODLOG_TEST_MARK"


@dataclasses.dataclass
class Job:
    """One `podlog run` of a test, in its own folder, found again by a mark in its environment."""

    folder: Path
    mark: str
    process: "subprocess.Popen[bytes]"

    @property
    def run(self) -> Path:
        """The run folder that the job was given."""
        return self.folder / "run"

    @property
    def output(self) -> str:
        """What launcher and processes printed so far."""
        return (self.folder / "job.out").read_text(errors="replace")

    def wait(self, timeout: float = 60) -> int:
        """The launcher's exit status; fails the test with the output after `timeout`."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the job did not end within {timeout} s:\n{self.output}")

    def alive(self) -> list[psutil.Process]:
        """Every process of this job that still runs."""
        return marked(self.mark)

    def coordinators(self) -> list[psutil.Process]:
        """Those of them that are coordinators."""
        return of_module("podlog.coordinator", self.alive())

    def wait_gone(self, timeout: float = 15) -> None:
        """Fails the test unless all processes of the job end within `timeout`."""
        deadline = time.monotonic() + timeout
        while alive := self.alive():
            if time.monotonic() > deadline:
                pytest.fail(f"left after {timeout} s: {[p.cmdline() for p in alive]}")
            threading.Event().wait(0.05)

    def rows(self, mode: str) -> list[dict[str, Any]]:
        """The rows of `metrics_<mode>.jsonl`, read strictly."""
        path = self.run / "file_logs" / f"metrics_{mode}.jsonl"
        return [json.loads(line, parse_constant=_refuse) for line in path.read_text().splitlines()]


def marked(mark: str) -> list[psutil.Process]:
    """Every process that runs with that mark in its environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def of_module(module: str, processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that run a module; one that ends meanwhile is none of them."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if module in process.cmdline():
                found.append(process)
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"not strict JSON: {constant}")


@pytest.fixture
def start_job(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """Starts `podlog run -n N` on a script given as text; everything it started is ended."""
    jobs: list[Job] = []

    def start(
        script: str | Path,
        n: int = 2,
        *args: str,
        devices: int = 1,
        options: Sequence[str] = (),
        env: dict[str, str] | None = None,
    ) -> Job:
        folder = tmp_path / f"job{len(jobs)}"
        folder.mkdir()
        path = script
        if isinstance(script, str):
            path = folder / "train.py"
            path.write_text(textwrap.dedent(script))
        mark = uuid.uuid4().hex
        command = [sys.executable, "-m", "podlog.cluster.cli", "run", "-n", str(n)]
        command += [
            "--cpu-devices",
            str(devices),
            "--log-path",
            str(folder / "run"),
            *options,
            str(path),
            *args,
        ]
        with (folder / "job.out").open("wb") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
                env={**os.environ, MARK: mark, **(env or {})},
            )
        jobs.append(Job(folder, mark, process))
        return jobs[-1]

    yield start
    for job in jobs:
        if job.process.poll() is None:
            job.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                job.process.wait(10)
        for process in job.alive():
            with contextlib.suppress(psutil.Error):
                process.kill()
        job.process.wait(5)


@pytest.fixture
def run_job(start_job: Callable[..., Job]) -> Callable[..., Job]:
    """As `start_job`, and waits for a successful end."""

    def run(*args: Any, timeout: float = 60, status: int = 0, **kwargs: Any) -> Job:
        job = start_job(*args, **kwargs)
        got = job.wait(timeout)
        assert got == status, f"exit status {got}:\n{job.output}"
        return job

    return run

"""Several `podlog exec` on this machine, each as if on a host of its own."""

import contextlib
import os
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from kit_jobs import MARK, marked
from kit_until import until

from podlog.cluster import address

PODLOG = [sys.executable, "-m", "podlog.cluster.cli"]


class Hosts:
    """The launchers of one job, which SLURM variables describe.

    Attributes:
        folder: where they run; each script may write a file ``up-<index>`` with its pid.
        launchers: by process index.
    """

    def __init__(
        self, folder: Path, command: list[str], count: int, options: tuple[str, ...],
        env: dict[str, str],
    ) -> None:  # fmt: skip
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self._port = address.free_port()
        self.launchers = [
            self._start(index, count, command, options, env) for index in range(count)
        ]

    def wait(self, timeout: float = 50) -> list[int]:
        """Their exit statuses."""
        deadline = time.monotonic() + timeout
        try:
            return [p.wait(max(0.1, deadline - time.monotonic())) for p in self.launchers]
        except subprocess.TimeoutExpired:
            pytest.fail(f"not ended within {timeout} s:\n{self.said()}")

    def output(self, index: int) -> str:
        """What a launcher and its process printed."""
        return (self.folder / f"out-{index}").read_text(errors="replace")

    def said(self) -> str:
        """What all of them printed."""
        return "\n".join(f"--- {i}\n{self.output(i)}" for i in range(len(self.launchers)))

    def pid(self, index: int, timeout: float = 40) -> int:
        """The process of a launcher, once it has said that it is up."""
        file = self.folder / f"up-{index}"
        until(lambda: file.exists() and file.read_text(), timeout)
        return int(file.read_text())

    def alive(self) -> list[psutil.Process]:
        """Every process of the job that still runs."""
        return marked(self.mark)

    def close(self) -> None:
        """Ends what still runs."""
        for process in self.launchers:
            process.kill()
            process.wait()
        for left in self.alive():
            with contextlib.suppress(psutil.Error):
                left.kill()

    def _start(
        self, index: int, count: int, command: list[str], options: tuple[str, ...],
        env: dict[str, str],
    ) -> "subprocess.Popen[bytes]":  # fmt: skip
        described = {
            "SLURM_JOB_ID": "1",
            "SLURM_STEP_NODELIST": "localhost",
            "SLURM_NTASKS": str(count),
            "SLURM_PROCID": str(index),
            "SLURM_LOCALID": str(index),
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{self._port}",
            "JAX_NUM_CPU_DEVICES": "1",
            "NPROC": "32",
        }
        with (self.folder / f"out-{index}").open("wb") as out:
            return subprocess.Popen(
                [*PODLOG, "exec", *options, "--", *command],
                cwd=self.folder,
                env={**os.environ, **described, MARK: self.mark, **env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Callable[..., Hosts]]:
    """Starts launchers of a Python script given as text; everything they started is ended."""
    made: list[Hosts] = []

    def start(
        script: str, count: int = 1, *options: str, env: dict[str, str] | None = None
    ) -> Hosts:
        (tmp_path / "train.py").write_text(textwrap.dedent(script))
        command = [sys.executable, "train.py"]
        made.append(Hosts(tmp_path, command, count, options, env or {}))
        return made[-1]

    yield start
    for each in made:
        each.close()

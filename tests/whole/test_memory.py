"""Resident memory does not grow with the number of records."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from podlog.cluster import jobs
from podlog.cluster.sidecar import Sidecar
from podlog.coordinator import cli
from podlog.proto.config import SecurityConfig

SCRIPT = Path(__file__).with_name("scripts") / "many.py"


class Job:
    """One process that logs, and its coordinator, which goes and comes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        setup = jobs.new_job(SecurityConfig(), 1)
        self.folder = folder
        self.coordinator = Sidecar.start(setup)
        self._port = self.coordinator.ready(30.0)
        monkeypatch.setenv("PODLOG_TOKEN", setup.token)
        monkeypatch.setenv("PODLOG_CERT", setup.cert.decode())
        monkeypatch.setenv("LOGLEVEL", "CRITICAL")  # process 0 prints log lines, and stdout is ours
        self._setup = setup
        command = [sys.executable, "-P", str(SCRIPT), f"127.0.0.1:{self._port}", str(folder)]
        self.worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def log(self, last: int, *, wait: bool) -> dict[str, Any]:
        """Has records up to number `last` made; waits until they are in the journal."""
        assert self.worker.stdin is not None and self.worker.stdout is not None
        self.worker.stdin.write(f"{last} {'wait' if wait else 'go'}\n")
        self.worker.stdin.flush()
        said: dict[str, Any] = json.loads(self.worker.stdout.readline())
        return said

    def rss(self) -> int:
        """Bytes that the coordinator holds."""
        return int(psutil.Process(self.coordinator.pid).memory_info().rss)

    def away(self) -> None:
        """The coordinator is killed, and nobody starts it again."""
        self.coordinator.kill()

    def back(self) -> None:
        """Another one takes its place, on its port."""
        self.coordinator = Sidecar.start(dataclasses.replace(self._setup, port=self._port))
        assert self.coordinator.ready(30.0) == self._port

    def end(self) -> None:
        """Ends in order."""
        assert self.worker.stdin is not None
        self.worker.stdin.close()
        assert self.worker.wait(300) == 0
        assert self.coordinator.wait(120)

    def kill(self) -> None:
        """Leaves nothing behind."""
        self.worker.kill()
        self.worker.wait(10)
        for pipe in (self.worker.stdin, self.worker.stdout):
            assert pipe is not None
            pipe.close()
        self.coordinator.kill()


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    job = Job(tmp_path / "run", monkeypatch)
    yield job
    job.kill()


def _check(job: Job, early: int, records: int) -> None:
    first = job.log(early, wait=True)
    coordinator = job.rss()
    job.log(records // 3, wait=True)
    job.away()
    job.log(2 * records // 3, wait=False)
    job.back()
    last = job.log(records, wait=True)
    assert first["there"] and last["there"]
    assert last["dropped"] == 0
    assert last["rss"] < 1.05 * first["rss"]
    assert job.rss() < 1.05 * coordinator
    job.end()
    found = cli.audit(job.folder)
    assert found.ok
    assert sum(life.stored for life in found.lives) >= records


@pytest.mark.soak
@pytest.mark.timeout(240)
def test_memory_is_flat(job: Job) -> None:
    """At 60,000 records as at 20,000, within 5 %, the coordinator away in the middle third."""
    _check(job, 20_000, 60_000)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_memory_is_flat_at_a_million(job: Job) -> None:
    """At 1,000,000 records as at 200,000, within 5 %, the coordinator away in the middle third."""
    _check(job, 200_000, 1_000_000)

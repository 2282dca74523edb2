"""SIGKILL of process 0: JAX ends everybody within a fifth of a second, and nothing is lost."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit_jobs import of_module
from kit_spooled import SCRIPT, bare, missing, spooled, wait

LEAST = 40
"""Records that each process has spooled before anything happens."""

pytestmark = [pytest.mark.processes, pytest.mark.timeout(150)]


def _pid(folder: Path, process: int = 0, job: int = 1) -> int:
    return int((folder / f"pid-{job}-{process}").read_text())


def _end(folder: Path, job: Any) -> None:
    (folder / "stop").touch()
    assert job.wait(60) == 0, job.output


def test_under_a_launcher(start_job: Callable[..., Any], tmp_path: Path) -> None:
    """The coordinator takes what reached the spools of four processes, and names process 0."""
    job = start_job(SCRIPT, 4, str(tmp_path), "1")
    wait(lambda: spooled(tmp_path, 4, 1, LEAST), 60, job.folder / "job.out")
    os.kill(_pid(tmp_path), signal.SIGKILL)
    assert job.wait(60) == 70, job.output
    assert "process 0 was ended by SIGKILL" in job.output
    assert missing(tmp_path) == []


def test_without_a_launcher(tmp_path: Path) -> None:
    """The coordinator that process 0 had started outlives it, settles alone and ends."""
    with bare(tmp_path, 4) as job:
        wait(lambda: spooled(tmp_path, 4, 1, LEAST), 60, job.output)
        os.kill(_pid(tmp_path), signal.SIGKILL)
        job.wait_gone(60)
        assert "settled: lost" in (tmp_path / "run" / "coordinator.log").read_text()
        assert missing(tmp_path) == []
        assert not list((tmp_path / "run").glob("spool/*"))


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job of four whose process 0 and coordinator were killed at once."""
    folder = tmp_path_factory.mktemp("dead")
    with bare(folder, 4) as job:
        wait(lambda: spooled(folder, 4, 1, LEAST), 60, job.output)
        coordinator = job.coordinator()
        coordinator.suspend()  # so that much of what is spooled is not yet in the journal
        before = {p: p.stat().st_size for p in (folder / "run" / "spool").iterdir()}
        wait(lambda: _grown(before), 30, job.output)
        os.kill(_pid(folder), signal.SIGKILL)
        coordinator.kill()
        job.wait_gone(30)
    return folder


def _grown(before: dict[Path, int]) -> bool:
    return all(path.stat().st_size > size + 2000 for path, size in before.items())


@pytest.mark.parametrize("n", [2, *(pytest.param(n, marks=pytest.mark.soak) for n in (4, 8))])
def test_killed_with_its_coordinator_the_next_attempt_brings_it_all(
    start_job: Callable[..., Any], dead: Path, tmp_path: Path, n: int
) -> None:
    """Whatever the number of its processes, the next job delivers what the last one left."""
    folder = tmp_path / "copy"
    shutil.copytree(dead, folder)
    assert missing(folder)
    job = start_job(SCRIPT, n, str(folder), "2")
    wait(lambda: spooled(folder, n, 2, LEAST), 90, job.folder / "job.out")
    _end(folder, job)
    assert missing(folder) == []
    assert not list((folder / "run").glob("spool/*"))


def test_a_coordinator_killed_alone_is_started_again(
    start_job: Callable[..., Any], tmp_path: Path
) -> None:
    """Training goes on; every record is there once; the launcher says it once."""
    job = start_job(SCRIPT, 2, str(tmp_path), "1")
    wait(lambda: spooled(tmp_path, 2, 1, LEAST), 60, job.folder / "job.out")
    for _ in range(2):
        (coordinator,) = job.coordinators()
        coordinator.kill()
        wait(lambda old=coordinator: _other(job, old), 10, job.folder / "job.out")
    _end(tmp_path, job)
    assert "the coordinator" in job.output and "SIGKILL; it is started again" in job.output
    assert missing(tmp_path) == []


def test_process_0_starts_its_coordinator_again(tmp_path: Path) -> None:
    """Without a launcher the Logger of process 0 does it, and the pod finds the new one."""
    with bare(tmp_path, 2) as job:
        wait(lambda: spooled(tmp_path, 2, 1, LEAST), 60, job.output)
        first = job.coordinator()
        first.kill()
        wait(lambda: _other(job, first), 10, job.output)
        (tmp_path / "stop").touch()
        assert [process.wait(60) for process in job.processes] == [0, 0], job.output.read_text()
        job.wait_gone(30)
        assert missing(tmp_path) == []


def _other(job: Any, old: Any) -> bool:
    found = of_module("podlog.coordinator", job.alive())
    return bool(found) and old.pid not in [process.pid for process in found]

"""A coordinator that is away: at the start, at the end, or during a whole attempt."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podlog.cluster import address, jobs
from podlog.cluster.sidecar import Sidecar
from podlog.coordinator import cli
from podlog.coordinator.journal import Journal
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import LoggerConfig, SecurityConfig, TimingConfig
from podlog.worker import Logger

DEADLINE_S = 1.0
STEPS = 20

pytestmark = pytest.mark.timeout(90)


def _config(folder: Path, **timing: float) -> LoggerConfig:
    return LoggerConfig(
        log_path=folder,
        log_tools=[FileLoggerConfig()],
        coordinator="external",
        timing=TimingConfig(
            **{"finalize_timeout_s": DEADLINE_S, "heartbeat_s": 0.5, "row_timeout_s": 1.0} | timing
        ),
    )


class Job:
    """A job of one life whose coordinator comes and goes as a test likes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, n: int = 2) -> None:
        self.folder = folder
        self.n = n
        self.port = address.free_port()
        self.setup = jobs.new_job(SecurityConfig(), n)
        self._monkeypatch = monkeypatch

    def loggers(self, **timing: float) -> list[Logger]:
        """Its processes, who look for the coordinator where it will be."""
        for name, value in {
            "TOKEN": self.setup.token,
            "CERT": self.setup.cert.decode(),
            "JOB": self.setup.job_id,
            "STARTED": repr(self.setup.started),
        }.items():
            self._monkeypatch.setenv(f"PODLOG_{name}", value)
        return [
            Logger(
                _config(self.folder, **timing),
                process_index=index,
                process_count=self.n,
                coordinator_address=f"127.0.0.1:{self.port}",
            )
            for index in range(self.n)
        ]

    @contextlib.contextmanager
    def coordinator(self) -> Iterator[Sidecar]:
        """Its coordinator, from now on."""
        setup = dataclasses.replace(self.setup, port=self.port)
        sidecar = Sidecar.start(setup, output=self.folder.parent / "stderr")
        try:
            sidecar.ready(30)
            yield sidecar
        finally:
            sidecar.kill()


def _log(loggers: list[Logger], first: int) -> None:
    for step in range(first, first + STEPS):
        for index, logger in enumerate(loggers):
            logger.log_host_metrics({"loss": float(step), f"own{index}": step}, step, mode="train")


def _finalize(loggers: list[Logger]) -> list[Any]:
    began = time.monotonic()
    verdicts = [logger.finalize("success") for logger in loggers]
    assert time.monotonic() - began < len(loggers) * (DEADLINE_S + 1.0)
    return verdicts


def _close(loggers: list[Logger]) -> None:
    began = time.monotonic()
    for logger in loggers:
        logger.close()
    assert time.monotonic() - began < len(loggers) * (2 * DEADLINE_S + 2.0)


def _spools(folder: Path) -> list[Path]:
    return sorted((folder / "spool").glob("*")) if (folder / "spool").exists() else []


def _steps(folder: Path, life: int) -> list[int]:
    """The steps of the rows of a life of the job, from 1, in which both processes are."""
    with contextlib.closing(Journal(folder / "journal.sqlite", read_only=True)) as journal:
        attempts = sorted(journal.attempts(), key=lambda attempt: attempt.age)
    out = folder.parent / "rows.jsonl"
    cli.export(folder, "jsonl", attempts[life - 1].number, out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return sorted(r["log_step"] for r in rows if {"loss", "own0", "own1"} <= r.keys())


def _next_life(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another life of the job, which logs steps of its own and ends well."""
    job = Job(folder, monkeypatch)
    with job.coordinator() as sidecar:
        loggers = job.loggers(finalize_timeout_s=20.0)
        _log(loggers, 1001)
        for logger in loggers:
            assert logger.flush(20.0)
            logger.close()
        assert sidecar.wait(40)
    assert _spools(folder) == []


def test_away_during_a_whole_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`finalize` says what is undelivered; the next start brings it into its own attempt."""
    folder = tmp_path / "run"
    loggers = Job(folder, monkeypatch).loggers()
    _log(loggers, 1)
    verdicts = _finalize(loggers)
    assert [(v.final, v.undelivered >= STEPS) for v in verdicts] == [(False, True)] * 2
    _close(loggers)
    assert _spools(folder)

    _next_life(folder, monkeypatch)
    assert _steps(folder, 1) == list(range(1, 1 + STEPS))
    assert _steps(folder, 2) == list(range(1001, 1001 + STEPS))


def test_away_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was logged before it listened is delivered when it does."""
    folder = tmp_path / "run"
    job = Job(folder, monkeypatch)
    loggers = job.loggers(finalize_timeout_s=20.0)
    _log(loggers, 1)
    assert not loggers[0].flush(0.3)
    with job.coordinator() as sidecar:
        for logger in loggers:
            assert logger.flush(20.0)
        for logger in loggers:
            logger.close()
        assert sidecar.wait(40)
    assert _steps(folder, 1) == list(range(1, 1 + STEPS))
    assert _spools(folder) == []


def test_away_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed for good before the last steps: the next start adds them to their attempt."""
    folder = tmp_path / "run"
    job = Job(folder, monkeypatch)
    with job.coordinator() as sidecar:
        loggers = job.loggers()
        _log(loggers, 1)
        assert [logger.flush(20.0) for logger in loggers] == [True] * 2
        sidecar.kill()
        _log(loggers, 1 + STEPS)
        verdicts = _finalize(loggers)
        assert [v.final for v in verdicts] == [False] * 2
        assert all(STEPS <= v.undelivered < 2 * STEPS for v in verdicts)
        _close(loggers)
    assert _spools(folder)

    _next_life(folder, monkeypatch)
    assert _steps(folder, 1) == list(range(1, 1 + 2 * STEPS))
    assert _steps(folder, 2) == list(range(1001, 1001 + STEPS))

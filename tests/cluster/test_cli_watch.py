"""`podlog watch` as it is typed, beside a real job."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit_jobs import Job
from kit_until import until
from kit_watch import written

from podlog.coordinator.journal import Journal
from podlog.proto.records import Verdict

COMMAND = [sys.executable, "-m", "podlog.cluster.cli", "watch"]

TRAIN = """
import os, pathlib, time
import jax
import podlog.cluster
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig

podlog.cluster.initialize()
folder = pathlib.Path(__file__).parent
config = LoggerConfig(log_tools=[FileLoggerConfig()], timing=TimingConfig(heartbeat_s=0.5))
with Logger(config) as logger:
    if jax.process_index() == 0:
        (folder / "contact").write_text(os.environ["PODLOG_CONTACT"])
    logger.start_epoch(1, 0)
    step = 0
    while not (folder / "enough").exists():
        logger.log_step({"loss": 0.5}, step)
        step += 1
        time.sleep(0.05)
    logger.end_epoch({}, step)
    logger.finalize("success")
"""


def _watch(*arguments: str, **more: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        stdin=subprocess.DEVNULL,
        check=False,
        **more,
    )


class Terminal:
    """A watch in a terminal of 80 columns."""

    def __init__(self, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        env = {**os.environ, "COLUMNS": "80", "LINES": "30", "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=slave, stdout=slave, stderr=slave, env=env
        )
        os.close(slave)
        self._seen = b""

    @property
    def text(self) -> str:
        """All that was shown, without colours and cursor movements."""
        while select.select([self._master], [], [], 0.05)[0]:
            try:
                self._seen += os.read(self._master, 1 << 16)
            except OSError:  # the other side is closed
                break
        plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self._seen)
        return plain.decode(errors="replace").replace("\r", "")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self._master)


def _strict(line: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"not strict JSON: {constant}")

    values: dict[str, Any] = json.loads(line, parse_constant=refuse)
    return values


@pytest.mark.processes
@pytest.mark.timeout(180)
def test_a_real_job_is_watched_by_folder_and_by_address(start_job: Callable[..., Job]) -> None:
    """Once, as JSON, in a terminal until its end; a probe's exit status; left by Ctrl-C."""
    job = start_job(TRAIN, 2)
    until(lambda: (job.folder / "contact").exists() or job.process.poll() is not None, timeout=60)
    assert job.process.poll() is None, job.output
    until(lambda: written(job.run).snapshot.step_min > 1, timeout=30)
    contact = (job.folder / "contact").read_text()
    terminal, left = Terminal(str(job.run), "--interval", "0.2"), Terminal(contact)
    with (job.folder / "lines").open("wb") as out:
        lines = subprocess.Popen([*COMMAND, contact, "--json", "-i", "0.2"], stdout=out)
    try:
        until(lambda: all("global step" in each.text for each in (terminal, left)), timeout=40)
        left.process.send_signal(signal.SIGINT)
        assert left.process.wait(10) == 130
        assert "Traceback" not in left.text
        _check_table(str(job.run))
        _check_object(contact)
        (job.folder / "enough").touch()
        until(lambda: terminal.text and terminal.process.poll() is not None, timeout=60)
        assert job.wait(30) == 0, job.output
        assert (terminal.process.poll(), lines.wait(30)) == (0, 0)
        shown = terminal.text.rstrip().splitlines()
        assert shown[-1] == "verdict: success"
        _check_lines(job.folder / "lines")
    finally:
        for each in (terminal, left):
            each.close()
        lines.kill()
        lines.wait(10)
    done = _watch(str(job.run), "--once")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().splitlines()[-1] == "verdict: success"
    assert len(re.findall(r"^\d .* goodbye ", done.stdout, re.MULTILINE)) == 2


def _check_table(target: str) -> None:
    """For people and scripts; as wide as it is told."""
    done = _watch(target, "--once", env={**os.environ, "COLUMNS": "80"})
    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall(r"^\d .* running ", done.stdout, re.MULTILINE)) == 2
    assert "tools: FileLogger" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def _check_object(target: str) -> None:
    """For programs."""
    done = _watch(target, "--once", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = _strict(done.stdout)
    assert [member["state"] for member in found["members"]] == ["running", "running"]
    assert all(member["step_s"] > 0.04 and member["mode"] == "train" for member in found["members"])
    assert all(abs(member["skew_s"]) < 1 for member in found["members"])


def _check_lines(path: Path) -> None:
    """One object a line, the last one with the verdict."""
    seen = [_strict(line) for line in path.read_text().splitlines()]
    assert [each["settled"] for each in seen] == [False] * (len(seen) - 1) + [True]
    assert 0 < seen[0]["step_max"] < seen[-1]["step_max"]
    assert seen[-1]["verdict"]["status"] == "success"


@pytest.mark.processes
def test_what_is_not_there_is_one_line_and_status_1(tmp_path: Path) -> None:
    """A folder without a run."""
    done = _watch(str(tmp_path), "--once")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"podlog: {tmp_path}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.processes
def test_whoever_reads_may_have_enough(tmp_path: Path) -> None:
    """A pipe that is closed ends it without a word; the exit status is that of the run."""
    journal = Journal(tmp_path / "journal.sqlite")
    journal.set_meta("job", "a")
    journal.set_verdict(Verdict("nan", True, (), "process 1: nan"), "a")
    journal.close()
    outlet, inlet = os.pipe()
    os.close(outlet)
    command = [*COMMAND, str(tmp_path), "--json"]
    done = subprocess.run(command, stdout=inlet, stderr=subprocess.PIPE, timeout=50, check=False)
    os.close(inlet)
    assert (done.returncode, done.stderr) == (65, b"")

"""`podlog serve`: a coordinator by itself, and processes that were started by other means."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from podlog.cluster.cli import app
from podlog.proto.contact import Contact

WORKER = """
import sys
from podlog.coordinator.tools import FileLoggerConfig
from podlog.worker import Logger, LoggerConfig
index, status, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None
config = LoggerConfig(coordinator="external", log_path=folder, log_tools=[FileLoggerConfig()])
logger = Logger(config, process_index=index, process_count=2)
for step in range(20):
    logger.log_host_metrics({"a": index + step}, step, mode="train")
verdict = logger.finalize(status)
logger.close()
assert verdict.final and verdict.status == status, verdict
"""


class Served:
    """One `podlog serve` and what it printed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.output = folder / "serve.out"
        self._errors = folder / "serve.err"
        with self.output.open("wb") as out, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "podlog.cluster.cli", "serve", *options],
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )

    def wait(self, seen: Callable[[], bool], timeout: float = 40) -> None:
        deadline = time.monotonic() + timeout
        while not seen():
            assert self.process.poll() is None, self.errors
            assert time.monotonic() < deadline, self.errors
            threading.Event().wait(0.05)

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def exports(self) -> dict[str, str]:
        """What a shell has in its environment after the printed lines."""
        self.wait(lambda: "export" in self.output.read_text())
        line = f". {self.output}; env -0"
        said = subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout
        found = (item.decode().split("=", 1) for item in said.split(b"\0") if item)
        return {name: value for name, value in found if name.startswith("PODLOG_")}

    def close(self) -> None:
        if self.process.poll() is None:
            for number in (signal.SIGTERM, signal.SIGTERM):
                self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(10)
        self.process.wait(10)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def start(*options: str) -> Served:
        made.append(Served(tmp_path, *options))
        return made[-1]

    yield start
    for each in made:
        each.close()


def work(told: dict[str, str], index: int, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", WORKER, str(index), *arguments]
    return subprocess.Popen(command, env={**os.environ, **told})


@pytest.mark.timeout(120)
def test_two_processes_find_it_by_its_file(serve: Callable[..., Served], tmp_path: Path) -> None:
    """`PODLOG_CONTACT` is all they need; it ends by itself, with the verdict's exit status."""
    contact, run = tmp_path / "contact.json", tmp_path / "run"
    served = serve("-n", "2", "--host", "127.0.0.1", "--contact", str(contact))
    told = served.exports()
    assert told == {"PODLOG_CONTACT": str(contact)}
    assert contact.stat().st_mode & 0o777 == 0o600
    token = Contact.from_json(contact.read_text()).token
    assert token not in served.output.read_text() + served.errors
    workers = [work(told, i, "success", str(run)) for i in range(2)]
    assert [each.wait(60) for each in workers] == [0, 0]
    assert served.process.wait(40) == 0, served.errors
    assert not contact.exists()
    assert "success" in served.errors
    lines = (run / "file_logs" / "metrics_train.jsonl").read_text().splitlines()
    assert [json.loads(line)["a"] for line in lines] == [0.5 + i for i in range(20)]


@pytest.mark.timeout(120)
def test_two_processes_find_it_by_their_environment(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    """Token, certificate and folder as variables; a failure is the exit status."""
    secret = tmp_path / "token"
    secret.write_text("ef" * 32 + "\n")
    options = ("--token-file", str(secret), "--log-path", str(tmp_path / "run"))
    served = serve("-n", "2", "--host", "127.0.0.1", *options)
    told = served.exports()
    assert told["PODLOG_TOKEN"] == "ef" * 32
    assert "ef" * 32 not in served.output.read_text()
    workers = [work(told, i, "failure") for i in range(2)]
    assert [each.wait(60) for each in workers] == [0, 0]
    assert served.process.wait(40) == 1, served.errors
    assert (tmp_path / "run" / "file_logs" / "metrics_train.jsonl").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_signal_ends_it(serve: Callable[..., Served], number: int, status: int) -> None:
    """Also before anybody came; the printed token is the one asked for."""
    served = serve("--host", "127.0.0.1", "--show-token")
    assert len(served.exports()["PODLOG_TOKEN"]) == 64
    served.process.send_signal(number)
    assert served.process.wait(30) == status
    assert "settling" in served.errors


def test_what_cannot_be_served_is_said(tmp_path: Path) -> None:
    """No way for the token, a key without a certificate, an address of another machine."""
    runner = CliRunner()
    assert runner.invoke(app, ["serve"]).exit_code == 2
    assert runner.invoke(app, ["serve", "--show-token", "--key-file", "x"]).exit_code == 2
    assert runner.invoke(app, ["serve", "--token-file", str(tmp_path / "none")]).exit_code == 2
    lost = runner.invoke(app, ["serve", "--show-token", "--bind", "203.0.113.1"])
    assert lost.exit_code == 1
    assert "203.0.113.1" in lost.output


def test_the_contact_of_another_stays(tmp_path: Path) -> None:
    """One that cannot be served does not take away how the one that is there is reached."""
    path = tmp_path / "contact"
    theirs = Contact("h:1", "secret", b"", "job", 2.0)
    theirs.save(path)
    asked = ["serve", "--contact", str(path), "--bind", "203.0.113.1"]
    assert CliRunner().invoke(app, asked).exit_code == 1
    assert Contact.from_json(path.read_text()) == theirs

"""The coordinator in a process of its own, as its parent sees it."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cloudpickle
import psutil
import pytest
from kit_peers import Ear, Voice, job

from podlog.cluster.listener import Listener
from podlog.cluster.sidecar import Sidecar
from podlog.coordinator.tools import ConsoleLoggerConfig, FileLoggerConfig, TensorBoardLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.contact import Contact
from podlog.proto.control import AllEnded, Ended, FirstSign, ProcessExit, Setup
from podlog.proto.errors import UnavailableError
from podlog.proto.session import Session
from podlog.worker.transport import grpc_connector

BUILTIN = [FileLoggerConfig(), TensorBoardLoggerConfig(), ConsoleLoggerConfig()]


class Side:
    """A sidecar of a test, and how to reach it."""

    def __init__(self, folder: Path, setup: Setup) -> None:
        self.lines: list[str] = []
        self.signs: list[FirstSign] = []
        self.ends: list[Ended] = []
        self.setup = setup
        self.sidecar = Sidecar.start(
            setup,
            output=folder / "stderr",
            listener=Listener(
                console=self.lines.append, sign=self.signs.append, end=self.ends.append
            ),
        )
        self.process = psutil.Process(self.sidecar.pid)
        try:
            self.port = self.sidecar.ready(30)
        except UnavailableError:
            self.sidecar.kill()
            raise

    def connector(self) -> Callable[[Ear], Session]:
        contact = Contact(
            f"127.0.0.1:{self.port}", self.setup.token, b"", self.setup.job_id, self.setup.started
        )
        return grpc_connector(lambda: contact)

    def voices(self, n: int) -> list[Voice]:
        return [Voice(i, n).connect(self.connector()) for i in range(n)]


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Callable[..., Side]]:
    made: list[Side] = []

    def run(processes: int = 1, **more: object) -> Side:
        made.append(Side(tmp_path, job(processes, **more)))
        return made[-1]

    yield run
    for each in made:
        each.sidecar.kill()


def opening(folder: Path) -> pb.Open:
    return pb.Open(
        log_path=str(folder),
        config_json=json.dumps({"timing": {"lost_after_s": 1.0, "row_timeout_s": 0.5}}),
        tools=[
            pb.ToolSpec(name=type(c).__name__, builtin=True, pickled=cloudpickle.dumps(c))
            for c in BUILTIN
        ],
    )


def test_a_job_from_start_to_end(side: Callable[..., Side], tmp_path: Path) -> None:
    """It serves without jax, prints lines, ends by itself, and leaves a finished run."""
    run = tmp_path / "run"
    here = side(2)
    one, two = here.voices(2)
    one.send(open=opening(run))
    for voice in (one, two):
        voice.ear.wait("opened")
        voice.log(1, {"loss": 1.0})
        voice.acked()
        voice.finalize()
    assert one.verdict() == two.verdict()
    assert not [m.path for m in here.process.memory_maps() if "jaxlib" in m.path]
    assert here.process.environ()["PODLOG_JOB"] == "job-1"
    assert here.setup.token not in " ".join(here.process.environ().values())
    for voice in (one, two):
        voice.goodbye()

    assert here.sidecar.wait(20)
    assert here.sidecar.opened is not None
    assert here.sidecar.opened.log_path == str(run)
    assert here.sidecar.ended is not None
    assert (here.sidecar.ended.status, here.sidecar.ended.rows) == ("success", 1)
    assert any("loss" in line for line in here.lines)
    assert (run / "file_logs" / "metrics_train.csv").exists()
    assert list((run / "tensorboard").glob("events*"))
    assert not list(run.glob("journal.sqlite-wal"))
    assert "settled: success" in (run / "coordinator.log").read_text()


def test_it_outlives_its_parent_and_signals_to_its_group(
    side: Callable[..., Side], tmp_path: Path
) -> None:
    """Released, and sent SIGINT and SIGTERM, it still settles and only then ends."""
    here = side(1)
    (voice,) = here.voices(1)
    voice.send(open=opening(tmp_path / "run"))
    voice.ear.wait("opened")
    here.sidecar.release()
    here.sidecar.release()
    for number in (signal.SIGINT, signal.SIGTERM):
        here.process.send_signal(number)
    assert os.getsid(here.sidecar.pid) == here.sidecar.pid
    voice.log(1)
    voice.acked()
    assert not here.sidecar.wait(0)
    voice.goodbye("success")
    assert here.sidecar.wait(20)


def test_a_launched_one_settles_when_its_launcher_is_gone(
    side: Callable[..., Side], tmp_path: Path
) -> None:
    """Processes that never came, or broke off, are lost at once."""
    here = side(2, launched=True)
    voice = Voice(0, 2).connect(here.connector())
    voice.send(open=opening(tmp_path / "run"))
    voice.ear.wait("opened")
    voice.close()
    here.sidecar.release()
    assert here.sidecar.wait(20)
    assert here.sidecar.ended is not None
    assert here.sidecar.ended.status == "lost"
    assert "process 0 on host0: lost (its launcher is gone)" in here.sidecar.ended.root_cause


def test_exit_reports_and_all_ended_make_the_verdict(
    side: Callable[..., Side], tmp_path: Path
) -> None:
    """The launcher's word on a process counts and is a first sign, and AllEnded settles."""
    here = side(2, launched=True)
    one, two = here.voices(2)
    one.send(open=opening(tmp_path / "run"))
    two.ear.wait("opened")
    two.close()
    here.sidecar.send(ProcessExit(process=1, pid=1, code=3))
    one.goodbye("success")
    one.ear.wait_end()
    here.sidecar.send(AllEnded())
    assert here.sidecar.wait(20)
    assert here.sidecar.ended is not None
    assert here.sidecar.ended.status == "failure"
    assert "1" in here.sidecar.ended.root_cause
    assert [(s.process, s.status, s.reason) for s in here.signs] == [
        (1, "failure", "it ended with exit code 3")
    ]
    assert here.ends == [here.sidecar.ended]


def test_a_signal_to_the_launcher_is_the_cause(side: Callable[..., Side], tmp_path: Path) -> None:
    """Told before it is passed on, it is known before the last process can make a verdict."""
    here = side(1, launched=True)
    (voice,) = here.voices(1)
    voice.send(open=opening(tmp_path / "run"))
    voice.ear.wait("opened")
    here.sidecar.signalled(signal.SIGINT, 20.0)
    voice.finalize("failure")
    assert voice.verdict().root_cause == "the launcher received SIGINT"
    voice.goodbye()
    here.sidecar.send(AllEnded())
    assert here.sidecar.wait(20)
    assert here.sidecar.ended is not None
    assert here.sidecar.ended.status == "interrupted"


def test_a_signal_is_passed_on_though_the_coordinator_hangs(side: Callable[..., Side]) -> None:
    """Nobody waits for long until it counts."""
    here = side(1, launched=True)
    os.kill(here.sidecar.pid, signal.SIGSTOP)
    began = time.monotonic()
    here.sidecar.signalled(signal.SIGINT, 0.3)
    assert 0.3 <= time.monotonic() - began < 5.0
    os.kill(here.sidecar.pid, signal.SIGCONT)


@pytest.mark.parametrize("launched", [False, True])
def test_a_run_that_nobody_opened_ends_with_its_parent(
    side: Callable[..., Side], launched: bool
) -> None:
    """Nothing to settle: it ends, and those who wait hear it."""
    here = side(1, launched=launched)
    (voice,) = here.voices(1)
    here.sidecar.release()
    assert here.sidecar.wait(20)
    voice.ear.wait_end()


def test_a_port_in_use_is_told_to_the_parent(side: Callable[..., Side], tmp_path: Path) -> None:
    """`ready` raises with the address and what to do."""
    here = side(1)
    with pytest.raises(UnavailableError, match=str(here.port)):
        Side(tmp_path, job(1, port=here.port))

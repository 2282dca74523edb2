"""A coordinator that dies is started again by its parent."""

import json
import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import cloudpickle
import psutil
import pytest
from kit_peers import Ear, Voice, job
from kit_until import until

from podlog.cluster import sidecar as sidecar_module
from podlog.cluster import sideproc
from podlog.cluster.listener import Listener
from podlog.cluster.sidecar import Sidecar
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.contact import Contact
from podlog.proto.control import AllEnded, ProcessExit, Setup
from podlog.proto.errors import UnavailableError
from podlog.proto.session import Session
from podlog.worker.transport import grpc_connector

FILE = FileLoggerConfig()
TOOL = pb.ToolSpec(name="FileLogger", builtin=True, pickled=cloudpickle.dumps(FILE))


class Kept:
    """A sidecar of a test that notes what it is told."""

    def __init__(self, folder: Path, setup: Setup) -> None:
        self.setup = setup
        self.folder = folder
        self.ports: list[int] = []
        self.deaths: list[str] = []
        self.sidecar = Sidecar.start(
            setup,
            output=folder / "stderr",
            listener=Listener(restart=self.ports.append, death=self.deaths.append),
        )
        self.port = self.sidecar.ready(30)

    def shoot(self) -> None:
        """SIGKILL to the present coordinator."""
        os.kill(self.sidecar.pid, signal.SIGKILL)

    def wait_opened(self, voice: Voice) -> None:
        """Until the worker and the one who starts the next coordinator know the run."""
        voice.ear.wait("opened")
        until(lambda: self.sidecar.opened is not None)

    def wait_restarts(self, count: int, timeout: float = 20) -> None:
        """Until that many have listened again."""
        deadline = time.monotonic() + timeout
        while len(self.ports) < count:
            assert time.monotonic() < deadline, (self.ports, self.deaths)
            threading.Event().wait(0.01)

    def connector(self) -> Callable[[Ear], Session]:
        port = self.ports[-1] if self.ports else self.port
        contact = Contact(f"127.0.0.1:{port}", self.setup.token, b"", self.setup.job_id, 1.0)
        return grpc_connector(lambda: contact)

    def opening(self) -> pb.Open:
        timing = {"timing": {"lost_after_s": 5.0, "row_timeout_s": 0.5}}
        return pb.Open(
            log_path=str(self.folder / "run"), config_json=json.dumps(timing), tools=[TOOL]
        )


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    made: list[Kept] = []

    def run(processes: int = 1, **more: object) -> Kept:
        made.append(Kept(tmp_path, job(processes, **more)))
        return made[-1]

    yield run
    for each in made:
        each.sidecar.kill()


def test_killed_it_listens_again_at_the_same_port(keep: Callable[..., Kept]) -> None:
    """Within 2 s, with the run open though process 0 never comes back."""
    kept = keep(2)
    one, two = (Voice(i, 2).connect(kept.connector()) for i in range(2))
    one.send(open=kept.opening())
    for voice in (one, two):
        kept.wait_opened(voice)
        voice.log(1)
        voice.acked()
    first = kept.sidecar.pid
    shot = time.time()
    kept.shoot()
    kept.wait_restarts(1)
    assert psutil.Process(kept.sidecar.pid).create_time() - shot < 2.0
    assert kept.ports == [kept.port]
    assert kept.sidecar.pid != first
    assert [f"pid {first}" in text for text in kept.deaths] == [True]
    assert "SIGKILL" in kept.deaths[0]

    two.connect(kept.connector())
    assert two.ear.wait("opened").attempt == 1
    two.log(2)
    two.acked()
    two.close()
    one.close()


def test_what_the_dead_one_was_told_the_next_one_is_told(keep: Callable[..., Kept]) -> None:
    """Exit reports and the end of all processes outlive the coordinator that heard them."""
    kept = keep(2, launched=True)
    voice = Voice(0, 2).connect(kept.connector())
    voice.send(open=kept.opening())
    kept.wait_opened(voice)
    kept.sidecar.send(ProcessExit(process=1, pid=1, code=3))
    kept.shoot()
    kept.wait_restarts(1)
    voice.connect(kept.connector())
    voice.ear.wait("opened")
    voice.goodbye("success")
    voice.ear.wait_end()
    kept.sidecar.send(AllEnded())
    assert kept.sidecar.wait(20)
    assert kept.sidecar.ended is not None
    assert kept.sidecar.ended.status == "failure"
    assert "process 1" in kept.sidecar.ended.root_cause


def test_killed_while_it_settles_it_settles_all_the_same(keep: Callable[..., Kept]) -> None:
    """After the last process ended the parent waits until one has settled."""
    kept = keep(1, launched=True)
    voice = Voice().connect(kept.connector())
    voice.send(open=kept.opening())
    kept.wait_opened(voice)
    voice.log(1)
    voice.acked()
    psutil.Process(kept.sidecar.pid).suspend()
    kept.sidecar.send(ProcessExit(process=0, pid=1, code=0))
    kept.sidecar.send(AllEnded())
    kept.shoot()
    assert kept.sidecar.wait(20)
    assert kept.sidecar.restarts == 1
    assert kept.sidecar.ended is not None
    assert kept.sidecar.ended.rows == 1
    voice.close()


def test_it_takes_another_port_if_its_own_is_taken(keep: Callable[..., Kept]) -> None:
    """Whoever has the port meanwhile keeps it; the new one is told to `on_restart`."""
    kept = keep(1)
    psutil.Process(kept.sidecar.pid).suspend()
    kept.shoot()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deadline = time.monotonic() + 10
        while True:
            try:
                thief.bind(("127.0.0.1", kept.port))
                break
            except OSError:
                assert time.monotonic() < deadline
        thief.listen()
        kept.wait_restarts(1)
        assert kept.ports[0] not in (0, kept.port)


def test_one_that_dies_at_once_is_tried_ever_more_slowly(
    keep: Callable[..., Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outage is told once; the parent never gives up while it lives."""
    monkeypatch.setattr(sidecar_module, "_LIVED_S", 60.0)
    kept = keep(1)
    for count in range(1, 5):
        kept.shoot()
        kept.wait_restarts(count)
    assert kept.sidecar.restarts == 4
    assert len(kept.deaths) == 1


def test_nobody_takes_the_place_of_one_that_was_let_go(keep: Callable[..., Kept]) -> None:
    """After `release` or `kill` a death is the end."""
    released = keep(1)
    voice = Voice().connect(released.connector())
    voice.send(open=released.opening())
    voice.ear.wait("opened")
    released.sidecar.release()
    released.shoot()
    assert released.sidecar.wait(10)
    assert (released.sidecar.restarts, released.deaths) == (0, [])
    voice.close()

    killed = keep(1)
    killed.sidecar.kill()
    assert killed.sidecar.wait(0)
    assert killed.sidecar.restarts == 0


def test_one_that_never_listened_is_not_tried_again(tmp_path: Path) -> None:
    """What is wrong at the start is the caller's to hear."""
    setup = job(1, bind="256.0.0.1")
    sidecar = Sidecar.start(setup, output=tmp_path / "stderr")
    try:
        with pytest.raises(UnavailableError, match=r"256\.0\.0\.1"):
            sidecar.ready(30)
        assert sidecar.wait(10)
        assert sidecar.restarts == 0
    finally:
        sidecar.kill()


def test_a_callback_that_raises_costs_nothing(tmp_path: Path) -> None:
    """A closed terminal or a store that is gone does not end the supervision."""

    def fail(_: object) -> None:
        raise RuntimeError("gone")

    sidecar = Sidecar.start(
        job(1),
        output=tmp_path / "stderr",
        listener=Listener(restart=fail, death=fail, console=fail),
    )
    try:
        sidecar.ready(30)
        for count in (1, 2):
            assert sidecar.kill_present()
            deadline = time.monotonic() + 20
            while sidecar.restarts < count:
                assert time.monotonic() < deadline
                threading.Event().wait(0.01)
    finally:
        sidecar.kill()


def test_one_that_hangs_before_it_reads_holds_nobody_up(
    keep: Callable[..., Kept], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that it is told of is larger than a pipe: nobody waits until that is read."""
    kept = keep(1)
    voice = Voice().connect(kept.connector())
    asked = kept.opening()
    asked.sys_path.extend(f"/nowhere/{i:0100}" for i in range(3000))
    voice.send(open=asked)
    kept.wait_opened(voice)
    stuck = tmp_path / "stuck"
    stuck.write_text("#!/bin/sh\nexec sleep 300\n")
    stuck.chmod(0o700)
    monkeypatch.setattr(sideproc.sys, "executable", str(stuck))
    until(lambda: kept.sidecar.opened is not None, 20)
    kept.shoot()
    until(lambda: kept.sidecar.restarts == 1, 20)
    began = time.monotonic()
    kept.sidecar.send(AllEnded())
    kept.sidecar.kill()
    assert time.monotonic() - began < 5
    assert kept.sidecar.wait(5)
    voice.close()


def test_output_that_cannot_be_kept_stops_no_restart(tmp_path: Path) -> None:
    """Folders for temporary files are cleaned while a job runs for weeks."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    sidecar = Sidecar.start(job(1), output=folder / "stderr")
    try:
        sidecar.ready(30)
        (folder / "stderr").unlink()
        folder.rmdir()
        assert sidecar.kill_present()
        until(lambda: sidecar.restarts == 1, 20)
    finally:
        sidecar.kill()


def test_a_forked_child_does_not_stand_in_for_its_parent(tmp_path: Path) -> None:
    """A data loader that outlives the process that started the coordinator keeps no pipe open."""
    sidecar = Sidecar.start(job(1), output=tmp_path / "stderr")
    child = 0
    try:
        sidecar.ready(30)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads, where a process forks
            child = os.fork()
        if child == 0:
            signal.pause()
        sidecar.release()
        assert sidecar.wait(10)
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        sidecar.kill()

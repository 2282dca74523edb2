"""A launcher's call to a coordinator elsewhere: found late, lost, refused, heard to the end."""

import queue
import time
from collections.abc import Callable, Iterator

import pytest
from kit_peers import job
from kit_server import Net
from kit_until import until

from podlog.cluster import attend
from podlog.cluster.attend import Attendance
from podlog.proto import podlog_pb2 as pb
from podlog.proto.contact import Contact
from podlog.proto.control import Ended, FirstSign, ProcessExit

News = FirstSign | Ended
KILLED = ProcessExit(1, 7, signal=9)


class Launcher:
    """An attendance, where its coordinator is, and what it heard."""

    def __init__(self, process: int = 1, job_id: str = "") -> None:
        self.at: Contact | None = None
        self.heard: queue.SimpleQueue[News] = queue.SimpleQueue()
        asked = pb.Attend(process=process, job_id=job_id)
        self.attendance = Attendance(asked, lambda _: self.at, self.heard.put)
        self.attendance.start()

    def find(self, net: Net) -> None:
        setup = net.setup
        self.at = Contact(net.address, setup.token, setup.cert, setup.job_id, setup.started)


@pytest.fixture
def net() -> Iterator[Callable[[], Net]]:
    """Makes coordinators of a job of two, closed at the end."""
    made: list[Net] = []

    def listen(port: int = 0) -> Net:
        made.append(Net(job(2, port=port)))
        return made[-1]

    yield listen
    for each in made:
        each.endpoint.close(10)


@pytest.fixture
def launcher() -> Iterator[Callable[..., Launcher]]:
    """Makes launchers that hang up at the end."""
    made: list[Launcher] = []

    def start(*args: object) -> Launcher:
        made.append(Launcher(*args))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for each in made:
        each.attendance.close()
        each.attendance.close()


def test_signs_and_the_verdict_are_heard(
    net: Callable[[], Net], launcher: Callable[..., Launcher]
) -> None:
    """Found late, it reports, hears what comes of it, and ends with the verdict."""
    here, mine = net(), launcher()
    assert not mine.attendance.wait(0.05)
    mine.attendance.report(KILLED)
    mine.find(here)
    assert mine.heard.get(timeout=10) == FirstSign(1, "lost", "it was ended by SIGKILL")
    assert not mine.attendance.wait(0.05)
    here.endpoint.close(10)
    assert mine.heard.get(timeout=10) == Ended("unfinished")
    assert mine.attendance.wait(10) and mine.attendance.settled
    assert mine.attendance.ended is None  # nobody had opened a run


def test_a_coordinator_that_comes_again_is_told_again(
    net: Callable[..., Net], launcher: Callable[..., Launcher]
) -> None:
    """One that died had heard of the exit; the one in its place must hear it too."""
    first, mine = net(), launcher()
    mine.find(first)
    _die(first)
    second = net()
    mine.find(second)
    mine.attendance.report(KILLED)
    exits = second.endpoint._coordinator._desk._exits
    until(lambda: [notice for notice, _ in exits.all()] == [KILLED])


def test_one_that_is_gone_is_given_up(
    net: Callable[[], Net], launcher: Callable[..., Launcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the process has ended; while it runs the launcher has time."""
    monkeypatch.setattr(attend, "AWAY_S", 0.3)
    here, mine = net(), launcher()
    mine.find(here)
    _die(here)
    assert not mine.attendance.wait(0.5)
    mine.attendance.report(KILLED)
    began = time.monotonic()
    until(lambda: mine.attendance.wait(0.05), 10)
    assert time.monotonic() - began >= 0.2
    assert mine.attendance.known and not mine.attendance.settled


def test_one_that_nobody_names_is_given_up(
    launcher: Callable[..., Launcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ended without saying where it is."""
    monkeypatch.setattr(attend, "UNTOLD_S", 0.2)
    mine = launcher()
    mine.attendance.report(KILLED)
    until(lambda: mine.attendance.wait(0.05), 10)
    assert not mine.attendance.known


def test_a_refusal_is_for_good(net: Callable[[], Net], launcher: Callable[..., Launcher]) -> None:
    """A launcher of another job is told so, and does not come again."""
    mine = launcher(1, "another")
    mine.find(net())
    assert mine.attendance.wait(10)
    assert "another" in mine.attendance.refused


def _die(here: Net) -> None:
    """Its server is gone, with a launcher that attended."""
    server = here.endpoint._server
    assert server is not None
    until(lambda: server._entrance.open["launchers"] == 1)
    server.stop(0.0)

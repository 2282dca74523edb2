"""The Launch call over real gRPC: who may attend, what is heard, what is told."""

import queue
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from kit_server import Net
from kit_until import until

from podlog.coordinator import launchers
from podlog.proto import podlog_pb2 as pb
from podlog.proto.channel import metadata, open_channel
from podlog.proto.contact import Contact
from podlog.proto.control import Ended, FirstSign

SIGN = FirstSign(1, "failure", "ValueError: boom", "host1")


class Caller:
    """A hand-driven launcher."""

    def __init__(self, net: Net, token: str | None = None) -> None:
        contact = Contact(net.address, token or net.setup.token, b"", "", 0.0)
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._channel = open_channel(contact)
        method = self._channel.stream_stream(
            "/podlog.v1.Podlog/Launch", response_deserializer=pb.LauncherNotice.FromString
        )
        self._call = method(iter(self._out.get, None), metadata=metadata(contact), timeout=20)
        self._notices = iter(self._call)

    def send(self, frame: bytes) -> None:
        self._out.put(frame)

    def attend(self, process: int, job_id: str = "") -> "Caller":
        self.send(pb.LauncherMessage(attend=_attend(process, job_id)).SerializeToString())
        return self

    def report(self, process: int, **values: int | bool) -> None:
        report = pb.ExitReport(process=process, **values)
        self.send(pb.LauncherMessage(exit=report).SerializeToString())

    def next(self) -> pb.LauncherNotice:
        notice: pb.LauncherNotice = next(self._notices)
        return notice

    def code(self) -> grpc.StatusCode:
        """How the call ends, when nothing else is told any more."""
        with pytest.raises((grpc.RpcError, StopIteration)):
            self.next()
        found: grpc.StatusCode = self._call.code()
        return found

    def close(self) -> None:
        self._out.put(None)
        self._channel.close()


def _attend(process: int, job_id: str) -> pb.Attend:
    return pb.Attend(process=process, job_id=job_id, host=f"host{process}")


@pytest.fixture
def call() -> Iterator[Callable[..., Caller]]:
    """Makes launchers that hang up at the end."""
    made: list[Caller] = []

    def make(net: Net, token: str | None = None) -> Caller:
        made.append(Caller(net, token))
        return made[-1]

    yield make
    for caller in made:
        caller.close()


def test_who_may_not_attend(net: Callable[..., Net], call: Callable[..., Caller]) -> None:
    """No token, no Attend first, a process or job that is not there: each has its status."""
    here = net(2)
    assert call(here, "cd" * 32).attend(0).code() is grpc.StatusCode.UNAUTHENTICATED
    assert call(here).attend(2).code() is grpc.StatusCode.FAILED_PRECONDITION
    assert call(here).attend(1, "another").code() is grpc.StatusCode.FAILED_PRECONDITION
    report = pb.LauncherMessage(exit=pb.ExitReport(process=1)).SerializeToString()
    for frame in (report, b"\xff\xff", b""):
        caller = call(here)
        caller.send(frame)
        assert caller.code() is grpc.StatusCode.INVALID_ARGUMENT
    caller = call(here)
    caller.send(b"\x00" * (launchers.LARGEST + 1))
    assert caller.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    server = here.endpoint._server
    assert server is not None
    assert server.refusals.total("token") == 1
    assert server.refusals.total("refused") == 2


def test_a_call_that_does_not_say_whose_it_is_ends(
    net: Callable[..., Net], call: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A launcher that says nothing has a deadline; so many may be there at a time, no more."""
    monkeypatch.setattr(launchers, "ATTEND_S", 0.3)
    here = net(1)
    assert call(here).code() is grpc.StatusCode.INVALID_ARGUMENT
    server = here.endpoint._server
    assert server is not None
    most = server.launchers.limit
    for _ in range(most):
        call(here).attend(0)
    until(lambda: server._entrance.open["launchers"] == most, 10)
    assert call(here).attend(0).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_launcher_tells_of_its_own_process_only(
    net: Callable[..., Net], call: Callable[..., Caller]
) -> None:
    """Another process's exit ends the call; so does an endless stream of reports."""
    here = net(2)
    caller = call(here).attend(0)
    caller.report(1, code=0)
    assert caller.code() is grpc.StatusCode.INVALID_ARGUMENT
    caller = call(here).attend(0)
    for _ in range(launchers.MOST_REPORTS + 1):
        caller.report(0, code=0)
    assert caller.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_report_makes_a_sign_that_all_launchers_hear(
    net: Callable[..., Net], call: Callable[..., Caller]
) -> None:
    """Before any run is open a process is killed: every launcher hears who and how, once."""
    here = net(3)
    listening = call(here).attend(0)
    dying = call(here).attend(2)
    dying.report(2, pid=7, signal=9, caused=True)
    dying.report(2, pid=7, signal=9, caused=True)
    sign = pb.FirstSign(process=2, status="lost", reason="it was ended by SIGKILL")
    late = call(here).attend(1)
    for caller in (listening, dying, late):
        assert caller.next().first_sign == sign
    here.endpoint.close(10)
    for caller in (listening, dying, late):
        assert caller.next().WhichOneof("body") == "verdict"


def test_those_that_ended_well_or_were_stopped_are_no_sign(
    net: Callable[..., Net], call: Callable[..., Caller]
) -> None:
    """What the launcher did itself, and who left after a signal to it, fails nothing."""
    here = net(3)
    stopped = [call(here).attend(process) for process in range(3)]
    stopped[0].report(0, code=0, caused=True)
    stopped[1].report(1, signal=9, caused=False)
    stopped[2].report(2, code=1, caused=False, received=15)
    until(lambda: len(list(here.endpoint._coordinator._desk._exits.all())) == 3)
    here.endpoint.close(10)
    for caller in stopped:
        assert caller.next().WhichOneof("body") == "verdict"


@pytest.mark.parametrize(("received", "status"), [(2, "interrupted"), (15, "preempted")])
def test_one_that_was_ended_with_its_launcher_is_told_of(
    net: Callable[..., Net], call: Callable[..., Caller], received: int, status: str
) -> None:
    """Only that launcher got the signal: the others would wait for its process."""
    here = net(2)
    waiting, ended = call(here).attend(0), call(here).attend(1)
    ended.report(1, signal=9, caused=False, received=received)
    sign = waiting.next().first_sign
    assert (sign.process, sign.status) == (1, status)
    assert sign.reason.startswith("its launcher received SIG")
    assert sign.reason.endswith("it was ended by SIGKILL")
    here.endpoint.close(10)


def test_reports_settle_a_run(net: Callable[..., Net], call: Callable[..., Caller]) -> None:
    """The process of another machine is killed: its launcher's report is the verdict's cause."""
    here = net(2)
    voices = here.voices(2)
    here.open(voices[0], None)
    attending = [call(here).attend(process) for process in range(2)]
    for voice in voices:
        voice.log(1)
        voice.acked()
    voices[1].close()
    attending[1].report(1, signal=9, caused=True)
    sign = attending[0].next().first_sign
    assert (sign.process, sign.status) == (1, "lost")
    voices[0].finalize("success")
    voices[0].goodbye()
    for caller in attending:
        notice = caller.next()
        while notice.WhichOneof("body") != "verdict":
            notice = caller.next()
        assert notice.verdict.status == "lost" and notice.verdict.final
        assert "process 1" in notice.verdict.root_cause
        assert caller.code() is grpc.StatusCode.OK


def test_what_is_told(net: Callable[..., Net], call: Callable[..., Caller]) -> None:
    """Signs and the verdict as they are; a job without a run has a verdict that is not final."""
    here = net(2)
    server = here.endpoint._server
    assert server is not None
    one, other = call(here).attend(0), call(here).attend(1)
    server.launchers.sign(SIGN)
    for caller in (one, other):
        told = caller.next().first_sign
        assert (told.process, told.status, told.reason, told.host) == (
            1, "failure", "ValueError: boom", "host1",
        )  # fmt: skip
    server.launchers.ended(Ended("unfinished"))
    for caller in (one, other):
        assert caller.next().verdict == pb.Verdict(status="unfinished", final=False)
        assert caller.code() is grpc.StatusCode.OK


def test_who_comes_too_late_is_waited_for_but_not_for_long(
    net: Callable[..., Net], call: Callable[..., Caller]
) -> None:
    """The launcher of a very short job may come when all is settled, or may be gone."""
    here = net(3, visited=True)
    server = here.endpoint._server
    assert server is not None
    heard = threading.Event()

    def wait(timeout: float = 30.0) -> None:
        server.launchers.wait_heard(timeout)
        heard.set()

    server.launchers.ended(Ended("success"))
    waiter = threading.Thread(target=wait)
    waiter.start()
    assert call(here).attend(2).next().verdict.status == "success"
    assert not heard.wait(0.3)
    assert call(here).attend(1).next().verdict.status == "success"
    assert heard.wait(10)
    waiter.join()

    server = net(2, visited=True).endpoint._server
    assert server is not None
    began = time.monotonic()
    server.launchers.wait_heard(0.2)
    assert time.monotonic() - began < 10


def test_where_no_other_launcher_is_nobody_is_waited_for(net: Callable[..., Net]) -> None:
    """One launcher for all processes hears it by its pipe."""
    server = net(3).endpoint._server
    assert server is not None
    server.launchers.wait_heard(60.0)

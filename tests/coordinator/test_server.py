"""The network door over real gRPC: who may speak, TLS, pods of hand-driven workers."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import grpc
import pytest
from grpc_health.v1 import health_pb2
from kit_peers import Ear, Voice, job

from podlog.cluster import credentials
from podlog.coordinator import Endpoint, door, peer, start
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig, SecurityConfig, TimingConfig
from podlog.proto.contact import Contact
from podlog.proto.control import Setup
from podlog.proto.errors import ConfigError, RefusedError
from podlog.proto.session import Session
from podlog.worker.transport import grpc_connector

QUICK = TimingConfig(row_timeout_s=0.5, lost_after_s=0.5)


class Net:
    """An endpoint that listens, and how to reach it."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.endpoint: Endpoint = start(LoggerConfig(), setup=setup, listen=True)
        self.address = f"127.0.0.1:{self.endpoint.port}"

    def connector(self, token: str | None = None) -> Callable[[Ear], Session]:
        contact = Contact(
            self.address,
            self.setup.token if token is None else token,
            self.setup.cert,
            self.setup.job_id,
            self.setup.started,
        )
        return grpc_connector(lambda: contact)

    def voices(self, n: int) -> list[Voice]:
        return [Voice(i, n).connect(self.connector()) for i in range(n)]

    def open(self, voice: Voice, folder: Path | None, **groups: Any) -> pb.Opened:
        """Process 0 opens the run with a file tool."""
        tools = []
        if folder is not None:
            pickled = cloudpickle.dumps(FileLoggerConfig())
            tools = [pb.ToolSpec(name="files", builtin=True, pickled=pickled)]
        values = {"timing": QUICK.to_dict()} | groups
        return voice.open(log_path=str(folder or ""), config_json=json.dumps(values), tools=tools)


@pytest.fixture
def net() -> Iterator[Callable[..., Net]]:
    made: list[Net] = []

    def listen(processes: int = 1, **more: Any) -> Net:
        made.append(Net(job(processes, **more)))
        return made[-1]

    yield listen
    for each in made:
        each.endpoint.close(10)


def rows(folder: Path, mode: str = "train") -> list[dict[str, Any]]:
    path = folder / "file_logs" / f"metrics_{mode}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def call(net: Net, frames: Iterable[bytes], token: str | None = None) -> grpc.RpcError:
    """Sends raw frames on a plain channel; the error it ends with."""
    with grpc.insecure_channel(net.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        method = channel.stream_stream("/podlog.v1.Podlog/Connect")
        metadata = () if token is None else (("podlog-token", token),)
        with pytest.raises(grpc.RpcError) as caught:
            list(method(iter(frames), metadata=metadata, timeout=10))
    error: grpc.RpcError = caught.value
    return error


def test_records_of_two_processes_become_one_row(net: Callable[..., Net], tmp_path: Path) -> None:
    """Batches before Open are held and not acked; afterwards all is merged and settled."""
    here = net(2)
    one, two = here.voices(2)
    two.log(5, {"loss": 3.0})
    two.send(heartbeat=pb.Heartbeat(sent=1.0))
    two.ear.wait("heartbeat_reply")
    assert not two.ear.all("ack")

    opened = here.open(one, tmp_path)
    assert two.ear.wait("opened") == opened
    two.acked()
    one.log(5, {"loss": 1.0})
    one.acked()
    for voice in (one, two):
        voice.finalize()
    assert one.verdict() == two.verdict()
    for voice in (one, two):
        voice.goodbye()
        assert voice.ear.wait_end() is None
    assert here.endpoint.wait_settled(10)
    (row,) = rows(tmp_path)
    assert row["loss"] == 2.0
    assert row["_podlog"]["processes"] == [0, 1]


def test_a_silent_process_is_missing_and_its_late_record_a_revision(
    net: Callable[..., Net], tmp_path: Path
) -> None:
    """The row closes without it after the timeout; what comes late is merged again."""
    here = net(2)
    one, two = here.voices(2)
    here.open(one, tmp_path)
    one.log(5, {"loss": 1.0})
    one.send(merged_request=pb.MergedRequest(id=1, mode="train", step=5))
    row = one.ear.wait("merged_row").row
    assert list(row.missing) == [1]
    two.log(5, {"loss": 3.0})
    two.acked()
    one.goodbye("success")
    two.goodbye("success")
    assert here.endpoint.wait_settled(10)
    last = rows(tmp_path)[-1]
    assert last["loss"] == 2.0
    assert last["_podlog"]["revision"] == 1


def test_a_process_that_never_says_goodbye_is_lost(net: Callable[..., Net]) -> None:
    """After `lost_after_s` without a connection it is lost, and the verdict says so."""
    here = net(2)
    one, two = here.voices(2)
    here.open(one, None)
    two.close()
    one.finalize()
    first = one.ear.wait("verdict")
    assert not first.final
    assert list(first.waiting_for) == [1]
    assert one.verdict().status == "lost"
    one.goodbye()
    assert here.endpoint.wait_settled(10)


def test_a_reconnect_continues_behind_the_ack(net: Callable[..., Net]) -> None:
    """The welcome says what is stored; the old stream of the process is ended."""
    here = net(1)
    (voice,) = here.voices(1)
    here.open(voice, None)
    voice.log(1)
    voice.acked()
    old = voice.ear
    voice.connect(here.connector())
    assert voice.ear.all("welcome")[0].ack == 1
    assert old.wait_end() is not None


def test_without_the_token_nothing_is_touched(net: Callable[..., Net]) -> None:
    """No token or a wrong one: UNAUTHENTICATED, counted, and no process has joined."""
    here = net(1)
    hello = pb.WorkerMessage(hello=Voice().hello).SerializeToString()
    for token in (None, "", "cd" * 32):
        assert call(here, [hello], token).code() is grpc.StatusCode.UNAUTHENTICATED
    server = here.endpoint._server
    assert server is not None
    assert server.refusals.of("token") == {"ipv4:127.0.0.1": 3}
    assert not here.endpoint._coordinator._desk._streams


def test_malformed_frames_end_their_stream_with_a_status(net: Callable[..., Net]) -> None:
    """A frame that is no message, or no Hello first: INVALID_ARGUMENT, counted."""
    here = net(1)
    hello = pb.WorkerMessage(hello=Voice().hello).SerializeToString()
    goodbye = pb.WorkerMessage(goodbye=pb.Goodbye()).SerializeToString()
    for frames in ([b"\xff\xff\xff"], [goodbye], [hello, b"\xff\xff\xff"], []):
        error = call(here, frames, here.setup.token)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert here.endpoint._server is not None
    assert here.endpoint._server.refusals.total("malformed") == 4


def test_a_foreign_run_is_refused_for_good(net: Callable[..., Net]) -> None:
    """FAILED_PRECONDITION reaches the worker as `RefusedError`."""
    here = net(1)
    voice = Voice()
    voice.hello.job_id = "another"
    voice.greet(here.connector())
    assert isinstance(voice.ear.wait_end(), RefusedError)


def test_a_journal_that_cannot_be_opened_refuses_everybody(
    net: Callable[..., Net], tmp_path: Path
) -> None:
    """Those who wait and those who come later hear why."""
    (tmp_path / "journal.sqlite").write_bytes(b"this is no journal" * 100)
    here = net(2)
    one, two = here.voices(2)
    one.send(open=pb.Open(log_path=str(tmp_path)))
    for voice in (one, two):
        error = voice.ear.wait_end()
        assert isinstance(error, RefusedError)
        assert "journal.sqlite" in str(error)
    late = Voice(1, 2, incarnation=5)
    late.greet(here.connector())
    assert isinstance(late.ear.wait_end(), RefusedError)


def test_tls_with_the_jobs_own_certificate(net: Callable[..., Net]) -> None:
    """With the published certificate it works; a plain connection reaches nothing."""
    secret = credentials.make(SecurityConfig())
    here = net(1, cert=secret.cert, key=secret.key)
    (voice,) = here.voices(1)
    here.open(voice, None)
    voice.log(1)
    voice.acked()
    hello = pb.WorkerMessage(hello=Voice().hello).SerializeToString()
    assert call(here, [hello], here.setup.token).code() is grpc.StatusCode.UNAVAILABLE


def test_two_coordinators_do_not_share_a_port(net: Callable[..., Net]) -> None:
    """The second one fails by name instead of stealing connections."""
    here = net(1)
    taken = job(1, port=here.endpoint.port)
    with pytest.raises(ConfigError, match=str(here.endpoint.port)):
        start(LoggerConfig(), setup=taken, listen=True)


def test_health_and_the_reserved_watch(net: Callable[..., Net]) -> None:
    """The standard health service answers; Watch is not implemented yet."""
    here = net(1)
    with grpc.insecure_channel(here.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = check(health_pb2.HealthCheckRequest(service="podlog.v1.Podlog"), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        watch = channel.unary_stream("/podlog.v1.Podlog/Watch")
        with pytest.raises(grpc.RpcError) as caught:
            list(watch(b"", metadata=(("podlog-token", here.setup.token),), timeout=10))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_fast_worker_is_held_back_and_loses_nothing(net: Callable[..., Net]) -> None:
    """Far more messages than credit: all are stored, in order."""
    here = net(1)
    (voice,) = here.voices(1)
    here.open(voice, None)
    for step in range(500):
        voice.log(step)
    voice.acked(500, timeout=30)


def test_closing_ends_streams_and_frees_the_port(net: Callable[..., Net]) -> None:
    """After close nobody listens, and a worker hears the end."""
    here = net(1)
    (voice,) = here.voices(1)
    assert here.endpoint.close(10)
    voice.ear.wait_end()
    again = start(LoggerConfig(), setup=job(1, port=here.endpoint.port), listen=True)
    assert again.close(10)


def test_a_call_that_does_not_say_who_it_is_ends(
    net: Callable[..., Net], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream without a Hello has a deadline; so has the rest of a message in chunks."""
    monkeypatch.setattr(door, "HELLO_S", 0.2)
    monkeypatch.setattr(door, "PIECE_S", 0.2)
    here = net(1)
    hello = pb.WorkerMessage(hello=Voice().hello).SerializeToString()
    piece = pb.WorkerMessage(chunk=pb.Chunk(data=b"x")).SerializeToString()
    held = threading.Event()
    for frames, reason in (([], "no Hello"), ([hello, piece], "no further chunk")):
        error = call(here, Slow(frames, held), here.setup.token)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason in (error.details() or "")
    held.set()


def test_there_are_only_so_many_streams(net: Callable[..., Net]) -> None:
    """One more is RESOURCE_EXHAUSTED, counted, and welcome once another has ended."""
    here = net(1)
    hello = pb.WorkerMessage(hello=Voice().hello).SerializeToString()
    held = threading.Event()
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    token = (("podlog-token", here.setup.token),)
    calls = []
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            channel = stack.enter_context(grpc.insecure_channel(here.address, options=options))
            method = channel.stream_stream("/podlog.v1.Podlog/Connect")
            calls.append(method(Slow([], held), metadata=token, timeout=30))
        server = here.endpoint._server
        assert server is not None
        wait_for(lambda: server._door._open == 20)
        assert call(here, [hello], here.setup.token).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert server.refusals.total("full") == 1
        held.set()
    wait_for(lambda: server._door._open == 0)
    here.voices(1)


def test_who_does_not_read_is_let_go(
    net: Callable[..., Net], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded; others are served meanwhile."""
    monkeypatch.setattr(peer, "MAX_UNSENT", 50)
    here = net(2)
    good = Voice(0, 2).connect(here.connector())
    here.open(good, None)
    hello = pb.WorkerMessage(hello=Voice(1, 2).hello).SerializeToString()
    beat = pb.WorkerMessage(heartbeat=pb.Heartbeat(sent=1.0)).SerializeToString()
    server = here.endpoint._server
    assert server is not None

    def frames() -> Iterator[bytes]:
        yield hello
        while not server.refusals.total("unread"):
            yield beat

    with grpc.insecure_channel(here.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        method = channel.stream_stream("/podlog.v1.Podlog/Connect")
        deaf = method(frames(), metadata=(("podlog-token", here.setup.token),), timeout=30)
        wait_for(lambda: server.refusals.total("unread") == 1, 20)
        good.log(1)
        good.acked()
        deaf.cancel()


def test_only_a_few_may_watch_its_health(net: Callable[..., Net]) -> None:
    """Without a token; beyond sixteen they are refused."""
    here = net(1)
    asked = health_pb2.HealthCheckRequest(service="podlog.v1.Podlog")
    with contextlib.ExitStack() as stack:
        codes, calls = [], []
        for _ in range(18):
            options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
            channel = stack.enter_context(grpc.insecure_channel(here.address, options=options))
            watch = channel.unary_stream(
                "/grpc.health.v1.Health/Watch",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            calls.append(watch(asked, timeout=20))
            try:
                next(calls[-1])
            except grpc.RpcError as error:
                codes.append(error.code())
    assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2


class Slow:
    """Frames, and then nothing until `held` is set."""

    def __init__(self, frames: list[bytes], held: threading.Event) -> None:
        self._frames = iter(frames)
        self._held = held

    def __iter__(self) -> "Slow":
        return self

    def __next__(self) -> bytes:
        for frame in self._frames:
            return frame
        self._held.wait(30)
        raise StopIteration


def wait_for(seen: Callable[[], bool], timeout: float = 10) -> None:
    deadline = time.monotonic() + timeout
    while not seen():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)

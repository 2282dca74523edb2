"""The network door over real gRPC: who may speak, TLS, how much of one caller is borne."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2
from kit_peers import Voice
from kit_server import Net, Slow, call
from kit_until import until

from podlog.cluster import credentials
from podlog.coordinator import door, peer
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import SecurityConfig


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


def test_health(net: Callable[..., Net]) -> None:
    """The standard health service answers."""
    here = net(1)
    with grpc.insecure_channel(here.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = check(health_pb2.HealthCheckRequest(service="podlog.v1.Podlog"), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


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
        until(lambda: server._entrance.open["streams"] == 20, 10)
        assert call(here, [hello], here.setup.token).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert server.refusals.total("full") == 1
        held.set()
    until(lambda: server._entrance.open["streams"] == 0, 10)
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
        until(lambda: server.refusals.total("unread") == 1, 20)
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

"""Whoever is not of the job is refused, counted, and changes nothing (design 11)."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from podlog.cluster import credentials
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import SecurityConfig
from podlog.worker.transport import METHOD

_OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.ssl_target_name_override", "podlog")]


@pytest.fixture
def pod(make_pod: Callable[..., Any]) -> Iterator[Any]:
    """Two processes that have logged a row, all of it committed."""
    pod = make_pod(2)
    pod.each(lambda logger: logger.log_host_metrics({"a": 1.0}, 1, mode="train"))
    assert pod.each(lambda logger: logger.flush(20)) == [True, True]
    wait_quiet(pod.folder)
    yield pod
    pod.each(lambda logger: logger.log_host_metrics({"a": 2.0}, 2, mode="train"))
    assert [v.status for v in pod.finish()] == ["success"] * 2
    assert [(row["log_step"], row["a"]) for row in pod.rows("train")] == [(1, 1.0), (2, 2.0)]


def stored(folder: Path) -> list[bytes]:
    return [(folder / f"journal.sqlite{end}").read_bytes() for end in ("", "-wal")]


def wait_quiet(folder: Path, timeout: float = 20) -> None:
    """Until the journal has not changed for half a second."""
    last, deadline = stored(folder), time.monotonic() + timeout
    while True:
        threading.Event().wait(0.5)
        before, last = last, stored(folder)
        if before == last:
            return
        assert time.monotonic() < deadline, "the journal goes on changing"


def refused(
    pod: Any, frames: Sequence[bytes], token: str | None, cert: bytes | None = None
) -> grpc.RpcError:
    """The error that a stranger's stream ends with."""
    address = f"127.0.0.1:{pod.endpoint.port}"
    cert = os.environ["PODLOG_CERT"].encode() if cert is None else cert
    channel = (
        grpc.secure_channel(address, grpc.ssl_channel_credentials(cert), options=_OPTIONS)
        if cert
        else grpc.insecure_channel(address, options=_OPTIONS)
    )
    metadata = () if token is None else (("podlog-token", token),)
    with channel, pytest.raises(grpc.RpcError) as caught:
        list(channel.stream_stream(METHOD)(iter(frames), metadata=metadata, timeout=10))
    error: grpc.RpcError = caught.value
    return error


def hello(**values: Any) -> bytes:
    made = pb.Hello(protocol=1, process=1, process_count=2, incarnation=77, host="evil")
    for name, value in values.items():
        setattr(made, name, value)
    return pb.WorkerMessage(hello=made).SerializeToString()


BATCH = pb.WorkerMessage(batch=pb.Batch(backlog=1)).SerializeToString()
OPEN = pb.WorkerMessage(open=pb.Open(log_path="/tmp/evil")).SerializeToString()


def test_without_token_or_certificate_nothing_changes(pod: Any) -> None:
    """No token, a wrong one, one that is almost right; a plain stream; another certificate."""
    token = os.environ["PODLOG_TOKEN"]
    other = credentials.make(SecurityConfig())
    before = stored(pod.folder)
    for wrong in (None, "", "x", token[:-1], token + "0", token.upper(), "0" * 64):
        if wrong != token:
            error = refused(pod, [hello(), OPEN, BATCH], wrong)
            assert error.code() == grpc.StatusCode.UNAUTHENTICATED, wrong
    assert refused(pod, [hello()], token, cert=b"").code() == grpc.StatusCode.UNAVAILABLE
    assert refused(pod, [hello()], token, cert=other.cert).code() == grpc.StatusCode.UNAVAILABLE
    assert stored(pod.folder) == before


def test_noise_on_the_port_changes_nothing(pod: Any) -> None:
    """Bytes that are no TLS, TLS that is no gRPC, a connection that says nothing."""
    before = stored(pod.folder)
    address = ("127.0.0.1", pod.endpoint.port)
    silent = [socket.create_connection(address, timeout=5) for _ in range(50)]
    for noise in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(100_000), b"\x16\x03\x01" + bytes(500)):
        with socket.create_connection(address, timeout=5) as plain:
            _say(plain, noise)
    context = ssl.create_default_context(cadata=os.environ["PODLOG_CERT"])
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    for noise in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(100_000)):
        with (
            socket.create_connection(address, timeout=5) as raw,
            context.wrap_socket(raw) as secure,
        ):
            _say(secure, noise)
    for each in silent:
        each.close()
    assert stored(pod.folder) == before


def test_nonsense_with_the_right_token_changes_nothing(pod: Any) -> None:
    """Frames that are no messages, no Hello first, two Hellos, another job, too large a frame."""
    token = os.environ["PODLOG_TOKEN"]
    before = stored(pod.folder)
    garbage = os.urandom(1000)
    for frames in ([garbage], [b""], [BATCH], [OPEN], [b"\xff" * 100], [hello()[:-3]]):
        assert refused(pod, frames, token).code() == grpc.StatusCode.INVALID_ARGUMENT, frames
    for strange in (
        hello(process=7),
        hello(process_count=3),
        hello(run_id="another"),
        hello(job_id="another"),
        hello(protocol=9),
    ):
        assert refused(pod, [strange], token).code() == grpc.StatusCode.FAILED_PRECONDITION
    error = refused(pod, [hello(host="x" * (8 << 20))], token)
    assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT)
    assert stored(pod.folder) == before


def _say(connection: socket.socket, noise: bytes) -> None:
    """Sends and reads until the other side hangs up."""
    try:
        connection.sendall(noise)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    except OSError:
        pass

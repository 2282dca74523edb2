"""gRPC under the link: who is refused, what is retried, over TLS and without."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from kit_double import Double, Server

from podlog.cluster import discover, env
from podlog.cluster.credentials import self_signed
from podlog.cluster.pod import Place
from podlog.proto import podlog_pb2 as pb
from podlog.proto.chunks import split
from podlog.proto.codec import body_draft
from podlog.proto.config import LoggerConfig
from podlog.proto.contact import Contact
from podlog.proto.errors import RefusedError, UnavailableError
from podlog.proto.records import LogLine
from podlog.worker.handed import Handed
from podlog.worker.link import Link
from podlog.worker.spool import Spool
from podlog.worker.transport import error_of, grpc_connector

HELLO = pb.Hello(protocol=1, process=1, process_count=2, incarnation=77)


def _contact(server: Server, token: str = "secret", cert: bytes = b"") -> Contact:
    return Contact(f"127.0.0.1:{server.port}", token, cert, "job", 1.0)


def _started(contact: Callable[[], Contact]) -> Link:
    """A link with one record to deliver."""
    spool = Spool(None, HELLO)
    spool.append([body_draft(LogLine(20, "app", "text"), 1.0)])
    link = Link(grpc_connector(contact), HELLO, spool, Handed(), heartbeat=pb.Heartbeat)
    link.start()
    return link


@pytest.mark.parametrize("status", list(grpc.StatusCode))
def test_only_two_statuses_are_for_good(status: grpc.StatusCode) -> None:
    """NOT_FOUND and FAILED_PRECONDITION refuse; the message names address, status and reason."""
    error = error_of(status, "why", "host:1")
    permanent = status.name in ("NOT_FOUND", "FAILED_PRECONDITION")
    assert isinstance(error, RefusedError if permanent else UnavailableError)
    assert str(error).startswith(f"coordinator host:1: {status.name}: why")


@pytest.mark.parametrize("status", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION])
def test_a_refusal_is_for_good(status: grpc.StatusCode) -> None:
    """Nothing is sent any more, all waits return at once, and the reason can be read."""
    server = Server(Double(), refusal=status)
    link = _started(lambda: _contact(server))
    assert not link.wait_acked(1, 15)
    assert isinstance(link.refused, RefusedError)
    assert "not here" in str(link.refused)
    assert link.verdict(15) is None
    assert not link.close(15)
    server.stop()


def test_a_wrong_token_is_tried_again_with_the_next_contact() -> None:
    """A coordinator that came back with another token is found, over TLS."""
    cert, key = self_signed()
    double = Double()
    server = Server(double, cert=cert, key=key)
    tokens = iter(["old", "old"])
    link = _started(lambda: _contact(server, next(tokens, "secret"), cert))
    assert link.wait_acked(1, 15)
    assert double.connections == 1
    assert link.stats()["connects"] == 3
    assert link.close(15)
    server.stop()


def test_a_coordinator_that_came_back_elsewhere_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher's file says where it is now; it is read again at each connect."""
    file = tmp_path / "contact"
    monkeypatch.setenv(env.CONTACT, str(file))
    monkeypatch.setenv(env.COORDINATOR, "127.0.0.1:9")
    monkeypatch.setenv(env.TOKEN, "none")
    double = Double()
    server = Server(double)
    file.write_text(_contact(server).to_json())
    attachment = discover.attach(LoggerConfig(), Place(1, 2, "h"))
    link = _started(attachment.contact)
    assert link.wait_acked(1, 15)
    server.stop()
    server = Server(double)
    file.write_text(_contact(server).to_json())
    double.wait(lambda: double.connections == 2)
    assert link.close(15)
    server.stop()


def test_a_message_in_pieces_is_whole_again() -> None:
    """A row larger than a frame comes as chunks and is read as one."""
    double = Double()
    server = Server(double)
    link = _started(lambda: _contact(server))
    assert link.wait_acked(1, 15)
    text = "x" * (3 << 20)
    row = pb.Row(mode="train", step=3, kind=pb.STEP, metrics={"note": pb.Value(text=text)})
    got: list[Any] = []
    asking = threading.Thread(target=lambda: got.append(link.merged("train", 3, 15)))
    asking.start()
    double.wait(lambda: double.of("merged_request"))
    id = double.of("merged_request")[0].id
    message = pb.CoordinatorMessage(merged_row=pb.MergedRow(id=id, row=row))
    pieces = split(message.SerializeToString())
    for number, piece in enumerate(pieces, 1):
        chunk = pb.Chunk(data=piece, last=number == len(pieces))
        double.send(pb.CoordinatorMessage(chunk=chunk))
    asking.join()
    assert got[0].metrics == {"note": text}
    assert link.close(15)
    server.stop()


def test_a_foreign_certificate_gets_nothing() -> None:
    """A server that cannot show the job's certificate hears no message and no token."""
    cert, key = self_signed()
    double = Double()
    server = Server(double, cert=cert, key=key)
    link = _started(lambda: _contact(server, cert=self_signed()[0]))
    assert not link.wait_acked(1, 0.3)
    assert double.messages == []
    link.close(0.1)
    server.stop()


def test_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that points at a dead proxy does not keep anybody away."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server = Server(Double())
    link = _started(lambda: _contact(server))
    assert link.wait_acked(1, 15)
    assert link.close(15)
    server.stop()

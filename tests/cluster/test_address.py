"""Which address a coordinator binds, and which one it tells."""

import socket

import pytest

from podlog.cluster import address
from podlog.cluster.address import Listening, listening


@pytest.mark.parametrize("shared", ["localhost", "127.0.0.1"])
def test_loopback_stays_on_the_loopback(shared: str) -> None:
    """Where the job runs on one machine nothing outside it can connect."""
    assert listening(shared) == Listening("127.0.0.1", "127.0.0.1")


def test_address_of_another_machine() -> None:
    """An address that is not ours cannot be bound: all are, under our own name."""
    assert listening("192.0.2.1") == Listening("0.0.0.0", socket.getfqdn())


def test_unknown_name() -> None:
    """A name that nobody resolves is as good as none."""
    assert listening("no-such-host.invalid") == listening("")


def test_asked_for() -> None:
    """What the user asks for is bound; the wildcard is told as a name."""
    assert listening("node7", "10.0.0.7") == Listening("10.0.0.7", "10.0.0.7")
    assert listening("node7", "0.0.0.0") == Listening("0.0.0.0", "node7")


def test_own_name_that_is_loopback_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that knows its own name as a loopback address listens for the others too."""
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))],
    )
    assert listening("node7") == Listening("0.0.0.0", "node7")


def test_join() -> None:
    """IPv6 hosts stand in brackets."""
    assert address.join("h", 1) == "h:1"
    assert address.join("::1", 1) == "[::1]:1"
    assert Listening("::1", "::1").at(2) == "[::1]:2"


def test_free_port() -> None:
    """The port can be bound."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", address.free_port()))

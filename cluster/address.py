"""Where a coordinator listens, and under which name others reach it."""

import dataclasses
import ipaddress
import socket

WILDCARD = "0.0.0.0"
"""Listens on all IPv4 addresses of this machine."""


@dataclasses.dataclass(frozen=True, slots=True)
class Listening:
    """Two names of one place.

    Attributes:
        bind: address to listen on.
        host: what the other processes connect to.
    """

    bind: str
    host: str

    def at(self, port: int) -> str:
        """``host:port``, an IPv6 host in brackets."""
        return join(self.host, port)


def listening(shared: str, bind: str = "") -> Listening:
    """Picks the address to bind, as narrow as it can be.

    Args:
        shared: the name under which the other processes reach this machine;
            "" if none is known.
        bind: the address a user asks for; "" lets this function pick.
    """
    if bind:
        wildcard = bind in (WILDCARD, "::")
        return Listening(bind, (shared or socket.getfqdn()) if wildcard else bind)
    if shared:
        numeric = _resolve(shared)
        if numeric and _is_ours(numeric):
            # Machines often know their own name as a loopback address, which
            # the others would not reach.
            if _is_loopback(numeric) and not is_loopback(shared):
                return Listening(WILDCARD, shared)
            return Listening(numeric, numeric if is_loopback(shared) else shared)
    return Listening(WILDCARD, socket.getfqdn())


def join(host: str, port: int) -> str:
    """``host:port``, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _resolve(host: str) -> str:
    """The first address of `host`, IPv4 before IPv6; "" if there is none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return ""
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])


def _is_ours(numeric: str) -> bool:
    family = socket.AF_INET6 if ":" in numeric else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((numeric, 0))
    except OSError:
        return False
    return True


def _is_loopback(numeric: str) -> bool:
    return ipaddress.ip_address(numeric.split("%")[0]).is_loopback


def is_loopback(host: str) -> bool:
    """Whether `host` says, without being looked up, that it is this machine alone."""
    if host == "localhost":
        return True
    try:
        return _is_loopback(host)
    except ValueError:
        return False

"""Hosts on one machine: network namespaces joined by a switch, with links that can be cut."""

import itertools
import os
import subprocess
from typing import Any

import psutil
import pytest

_PREFIX = "podlog-test"
_numbers = itertools.count()


class Net:
    """A switch and the hosts on it, all of them namespaces of their own.

    Skips the test where namespaces are not permitted. A host is made at its
    first use; all go with `close`.
    """

    def __init__(self) -> None:
        _sweep()
        self._name = f"{_PREFIX}-{os.getpid()}-{next(_numbers)}"
        self._hosts: dict[int, str] = {}
        self._switch = f"{self._name}-sw"
        try:
            _ip("netns", "add", self._switch)
            _ip("-n", self._switch, "link", "add", "br0", "type", "bridge")
            _ip("-n", self._switch, "link", "set", "br0", "up")
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            pytest.skip(f"network namespaces are not permitted here: {_why(error)}")

    def host(self, number: int) -> str:
        """The namespace of host `number`, whose address is ``10.77.0.<number>``."""
        if number not in self._hosts:
            name = self._hosts[number] = f"{self._name}-{number}"
            _ip("netns", "add", name)
            peer = ("peer", "name", f"p{number}", "netns", self._switch)
            _ip("link", "add", "eth0", "netns", name, "type", "veth", *peer)
            _ip("-n", self._switch, "link", "set", f"p{number}", "master", "br0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "addr", "add", f"{address(number)}/24", "dev", "eth0")
        return self._hosts[number]

    def command(self, number: int) -> list[str]:
        """What to put before a command so that it runs on that host."""
        return ["ip", "netns", "exec", self.host(number)]

    def cut(self, number: int) -> None:
        """Nothing passes the host's link any more; nobody is told."""
        _ip("-n", self._switch, "link", "set", f"p{number}", "down")

    def mend(self, number: int) -> None:
        _ip("-n", self._switch, "link", "set", f"p{number}", "up")

    def readdress(self, number: int, new: int) -> None:
        """The host's address becomes ``10.77.0.<new>``."""
        name = self.host(number)
        _ip("-n", name, "addr", "del", f"{address(number)}/24", "dev", "eth0")
        _ip("-n", name, "addr", "add", f"{address(new)}/24", "dev", "eth0")

    def close(self) -> None:
        for name in (*self._hosts.values(), self._switch):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def address(number: int) -> str:
    return f"10.77.0.{number}"


def _ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


def _why(error: Any) -> str:
    return str(getattr(error, "stderr", None) or error).strip()


def _sweep() -> None:
    """Removes what killed test runs left."""
    try:
        out = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    except OSError:
        return
    for line in out.stdout.splitlines():
        name = line.split()[0]
        if name.startswith(_PREFIX) and not psutil.pid_exists(int(name.split("-")[2])):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

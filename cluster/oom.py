"""Whether the kernel killed for want of memory: its counters, before and after."""

import logging
from pathlib import Path

_log = logging.getLogger(__name__)

_GROUP = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")
_MACHINE = Path("/proc/vmstat")


class OutOfMemory:
    """Counts the kernel's kills in this process's memory cgroup. Not thread-safe.

    The kernel tells a number, not whom it killed: call `killed` for a process
    that SIGKILL ended and nobody here had sent it to. Without a cgroup that
    counts, the whole machine's kills count.

    Args:
        counter: file with a line ``oom_kill N``; None: that of this process.
    """

    def __init__(self, counter: Path | None = None) -> None:
        self._counter = counter or find()
        self._seen = self._read()

    def killed(self) -> bool:
        """Whether there was a kill for want of memory that no call before has claimed."""
        if self._read() <= self._seen:
            return False
        self._seen += 1
        return True

    def _read(self) -> int:
        return 0 if self._counter is None else count(self._counter) or 0


def find(group: Path = _GROUP, mount: Path = _MOUNT, machine: Path = _MACHINE) -> Path | None:
    """The file that counts the kills among which ours would be; None: there is none.

    Args:
        group: this process's ``/proc/self/cgroup``.
        mount: where cgroups are mounted, version 1, 2 or both.
        machine: counts the kills of the whole machine.
    """
    candidates = []
    for line in _lines(group):
        _, controllers, path = line.split(":", 2)
        inside = path.lstrip("/")
        if controllers == "":
            for root in (mount, mount / "unified"):
                candidates += [root / inside / "memory.events", root / "memory.events"]
        elif "memory" in controllers.split(","):
            root = mount / controllers
            candidates += [root / inside / "memory.oom_control", root / "memory.oom_control"]
    return next((file for file in (*candidates, machine) if count(file) is not None), None)


def count(file: Path) -> int | None:
    """The number in a file's line ``oom_kill N``; None: it has none."""
    for line in _lines(file):
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdecimal():
            return int(value)
    return None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError as error:
        _log.debug("%s: %s", file, error)
        return []

"""Whether a process of this machine is still there: by boot, pid and start time."""

import contextlib
from pathlib import Path

import psutil

_TOLERANCE_S = 2.0


def boot_id() -> str:
    """Which boot of which machine this is, and which of its pid namespaces; "" if unknown.

    Pids of two processes can be compared only if theirs are equal.
    """
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return ""


def alive(pid: int, started: float) -> bool:
    """Whether the process of that pid and start time runs; in doubt, yes.

    Args:
        pid: on this machine and in this pid namespace, see `boot_id`.
        started: seconds since the epoch, as `psutil` tells them.
    """
    try:
        found = psutil.Process(pid)
        same = abs(found.create_time() - started) <= _TOLERANCE_S
        return bool(same and found.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True

"""Whether a process of this machine is still there: by boot, pid and start time."""

import contextlib
import os
from pathlib import Path

import psutil

_TOLERANCE_S = 0.1


def boot_id() -> str:
    """Which boot of which machine this is, and which of its pid namespaces; "" if unknown.

    Pids of two processes can be compared only if theirs are equal.
    """
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return ""


def start_time(pid: int) -> float:
    """When a process started, in seconds after the boot: the same however the clock is set.

    Where that cannot be had, and there is no `boot_id` either, since the epoch.

    Raises:
        psutil.Error: it is not there, or cannot be looked at.
    """
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return float(psutil.Process(pid).create_time())


def alive(pid: int, started: float) -> bool:
    """Whether the process of that pid and start time runs; in doubt, yes.

    Args:
        pid: on this machine and in this pid namespace, see `boot_id`.
        started: as `start_time` told it.
    """
    try:
        same = abs(start_time(pid) - started) <= _TOLERANCE_S
        return same and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True

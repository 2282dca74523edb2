"""The processes of a job on this machine: start, signal, reap."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..proto.control import ProcessExit

LEAVE_S = 2.0
"""For so long what a process left behind may go on after its end."""

_LOOK_S = 0.05
_DEATHSIG = Path(__file__).with_name("deathsig.py")


class Children:
    """Processes in sessions of their own, each with a thread that reaps it.

    They die with this process, even if it is killed. Made, started and
    signalled on the main thread.

    Args:
        on_exit: called with a `ProcessExit` for each process that ends, on the
            thread that reaped it; must not block.
    """

    def __init__(self, on_exit: Callable[[ProcessExit], None]):
        self._on_exit = on_exit
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._threads: list[threading.Thread] = []
        self._ended: set[int] = set()
        self._lock = threading.Lock()

    def start(
        self,
        index: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        pass_fds: Sequence[int] = (),
    ) -> int:
        """Starts process `index` of the job and returns its pid.

        Args:
            index: of the job; names it in its `ProcessExit`.
            command: a program's path and its arguments.
            environment: all of it.
            pass_fds: descriptors that it inherits.

        Raises:
            OSError: it cannot be started.
        """
        process = subprocess.Popen(
            [*dying_with(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
            pass_fds=pass_fds,
        )
        thread = threading.Thread(
            target=self._reap, args=(index, process), name=f"podlog-reap-{index}", daemon=True
        )
        self._processes[index] = process
        self._threads.append(thread)
        thread.start()
        return process.pid

    @property
    def started(self) -> int:
        """How many processes were started."""
        return len(self._processes)

    @property
    def running(self) -> list[int]:
        """Indices of the processes that have not ended."""
        with self._lock:
            return [index for index in self._processes if index not in self._ended]

    def send(self, number: int, spared: int | None = None) -> frozenset[int]:
        """Sends signal `number` to every process that runs, and to its children.

        Args:
            number: the signal.
            spared: index of a process that does not get it.

        Returns:
            Who got it.
        """
        with self._lock:
            sent = frozenset(self._processes) - self._ended - {spared}
            for index in sent:
                _signal_group(self._processes[index].pid, number)
        return sent

    def close(self) -> None:
        """Kills what still runs and joins the reaping threads; safe twice."""
        self.send(signal.SIGKILL)
        for thread in self._threads:
            thread.join(10.0)

    def _reap(self, index: int, process: "subprocess.Popen[bytes]") -> None:
        # Waits without reaping, so that the pid, which is the group's name,
        # cannot be another's while it is still used.
        found = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert found is not None
        with self._lock:
            self._ended.add(index)
        # What it started and left behind is the job's too. Not SIGKILL at once:
        # Python's resource tracker is among it, and still cleans up.
        _signal_group(process.pid, signal.SIGTERM)
        exited = found.si_code == os.CLD_EXITED
        self._on_exit(
            ProcessExit(
                process=index,
                pid=process.pid,
                code=found.si_status if exited else None,
                signal=None if exited else found.si_status,
            )
        )
        deadline = time.monotonic() + LEAVE_S
        while _left_behind(process.pid) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def dying_with(parent: int) -> list[str]:
    """What stands before a command that shall die with process `parent`, which starts it."""
    return [sys.executable, "-I", "-S", str(_DEATHSIG), str(parent)]


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _left_behind(group: int) -> bool:
    """Whether anybody but its leader still runs in a process group."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            stat = (process / "stat").read_text(errors="replace")
            state, _, its_group = stat.rpartition(")")[2].split()[:3]
            if int(its_group) == group and int(process.name) != group and state not in "ZX":
                return True
    return False

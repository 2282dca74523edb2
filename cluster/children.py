"""The processes of a job on this machine: start, signal, reap."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..proto.control import ProcessExit

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
        # cannot be another's while `send` may still use it.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._ended.add(index)
        # What it started and left behind is the job's too. Not SIGKILL: Python's
        # resource tracker is among it, and still cleans up.
        _signal_group(process.pid, signal.SIGTERM)
        code = process.wait()
        self._on_exit(
            ProcessExit(
                process=index,
                pid=process.pid,
                code=code if code >= 0 else None,
                signal=-code if code < 0 else None,
            )
        )


def dying_with(parent: int) -> list[str]:
    """What stands before a command that shall die with process `parent`, which starts it."""
    return [sys.executable, "-I", "-S", str(_DEATHSIG), str(parent)]


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)

"""The processes of a job on this machine: start, signal, reap."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..proto.control import ProcessExit

_DEATHSIG = Path(__file__).with_name("deathsig.py")


class Children:
    """Processes in sessions of their own, each with a thread that reaps it.

    They die with this process, even if it is killed. Made, started and
    signalled on the main thread; `exits` may be read by any.

    Attributes:
        exits: gets a `ProcessExit` for each process that ends.
    """

    def __init__(self, exits: "queue.SimpleQueue[ProcessExit | int]"):
        self.exits = exits
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[threading.Thread] = []
        self._ended: set[int] = set()
        self._lock = threading.Lock()

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Starts the next process and returns its pid.

        Raises:
            OSError: it cannot be started.
        """
        index = len(self._processes)
        process = subprocess.Popen(
            [*dying_with(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
        )
        thread = threading.Thread(
            target=self._reap, args=(index, process), name=f"podlog-reap-{index}", daemon=True
        )
        self._processes.append(process)
        self._threads.append(thread)
        thread.start()
        return process.pid

    @property
    def running(self) -> list[int]:
        """Indices of the processes that have not ended."""
        with self._lock:
            return [i for i in range(len(self._processes)) if i not in self._ended]

    def send(self, number: int) -> None:
        """Sends signal `number` to every process that runs, and to its children."""
        with self._lock:
            for index, process in enumerate(self._processes):
                if index not in self._ended:
                    _signal_group(process.pid, number)

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
        self.exits.put(
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


def said(exit_: ProcessExit) -> str:
    """How a process ended, for people."""
    if exit_.signal is None:
        return f"process {exit_.process} ended with exit code {exit_.code}"
    try:
        name = signal.Signals(exit_.signal).name
    except ValueError:
        name = f"signal {exit_.signal}"
    return f"process {exit_.process} was ended by {name}"

"""The coordinator as a process beside this one: start it, hear it, let it go.

Down its stdin go `Setup`, then `ProcessExit` and `AllEnded`; up its stdout come
`Ready` or `Failed`, `Opened`, `ConsoleLine` and `Ended` (`podlog.proto.control`).
It lives in a session of its own, so that a signal to this process's group does
not reach it: it ends by itself when the job has settled.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self

from ..proto.control import (
    AllEnded,
    ConsoleLine,
    Ended,
    Failed,
    Notice,
    Opened,
    ProcessExit,
    Ready,
    Setup,
    dump,
    load,
)
from ..proto.errors import UnavailableError, WireError

_log = logging.getLogger(__name__)

_HIDDEN = {
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "HIP_VISIBLE_DEVICES": "",
    "ROCR_VISIBLE_DEVICES": "",
    "TPU_VISIBLE_CHIPS": "",
    "TPU_VISIBLE_DEVICES": "",
}
_DROPPED = ("PODLOG_TOKEN", "PODLOG_CERT", "LD_PRELOAD")


class Sidecar:
    """One coordinator process, as its parent sees it. Thread-safe.

    `start` makes it; whoever did calls `release` (it goes on until the job has
    settled) or `kill`, and may `wait` for its end. Both are safe twice.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", on_console: Callable[[str], None]):
        self._process = process
        self._on_console = on_console
        self._changed = threading.Condition()
        self._ready: Ready | Failed | None = None
        self._opened: Opened | None = None
        self._ended: Ended | None = None
        self._eof = False
        self._reader = threading.Thread(target=self._read, name="podlog-sidecar", daemon=True)

    @classmethod
    def start(
        cls,
        setup: Setup,
        *,
        output: Path | None = None,
        on_console: Callable[[str], None] | None = None,
    ) -> Self:
        """Starts a coordinator and hands it its setup.

        Args:
            setup: job, credentials, address and number of processes.
            output: file for its stderr (appended); None: thrown away. What it
                has to say after the run is open goes to ``coordinator.log``.
            on_console: called on the reader thread with each line meant for
                the terminal; default: written to this process's stdout.

        Raises:
            UnavailableError: the process cannot be started.
        """
        try:
            process = _spawn(setup, output)
        except OSError as error:
            raise UnavailableError(f"the coordinator cannot be started: {error}") from error

        sidecar = cls(process, on_console or _print)
        sidecar._reader.start()
        sidecar.send(setup)
        return sidecar

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def opened(self) -> Opened | None:
        """The run it serves, once process 0 has opened it."""
        return self._opened

    @property
    def ended(self) -> Ended | None:
        """Its last word, once it has settled."""
        return self._ended

    def ready(self, timeout: float) -> int:
        """Waits until it listens, at most `timeout` seconds, and returns the port.

        Raises:
            UnavailableError: it said why it cannot, died, or was too slow.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready is not None or self._eof, timeout)
            match self._ready:
                case Ready(port):
                    return port
                case Failed(message):
                    raise UnavailableError(message)
                case None if self._eof:
                    code = self._process.poll()
                    raise UnavailableError(f"the coordinator ended before it listened ({code=})")
        raise UnavailableError(f"the coordinator did not listen within {timeout:.0f} s")

    def send(self, notice: Setup | ProcessExit | AllEnded) -> None:
        """Tells it; never raises: one that is gone needs no telling."""
        stdin = self._process.stdin
        with self._changed:
            if stdin is None or stdin.closed:
                return
            try:
                stdin.write(dump(notice))
                stdin.flush()
            except OSError as error:
                _log.debug("the coordinator (pid %d) does not listen: %s", self.pid, error)

    def release(self) -> None:
        """Closes its stdin: it knows that nobody will tell it more, and settles."""
        stdin = self._process.stdin
        with self._changed:
            if stdin is None or stdin.closed:
                return
            try:
                stdin.close()
            except OSError:
                _log.debug("the coordinator (pid %d) was gone before its release", self.pid)

    def wait(self, timeout: float) -> bool:
        """Waits for its end, at most `timeout` seconds; True if it has ended."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        self.release()
        self._reader.join(5.0)
        return True

    def kill(self) -> None:
        """Ends it at once, unsettled, and reaps it."""
        self._process.kill()
        self.wait(5.0)

    def _read(self) -> None:
        """Takes its notices until its stdout closes."""
        stdout = self._process.stdout
        assert stdout is not None
        with stdout:
            for line in stdout:
                try:
                    self._take(load(line))
                except WireError as error:
                    _log.warning("from the coordinator: %s", error)
        with self._changed:
            self._eof = True
            self._changed.notify_all()

    def _take(self, notice: Notice) -> None:
        if isinstance(notice, ConsoleLine):
            try:
                self._on_console(notice.text)
            except Exception as error:  # a closed terminal must not cost us the verdict
                _log.debug("a line of the coordinator was not shown: %s", error)
            return

        with self._changed:
            match notice:
                case Ready() | Failed():
                    self._ready = notice
                case Opened():
                    self._opened = notice
                case Ended():
                    self._ended = notice
            self._changed.notify_all()


def _spawn(setup: Setup, output: Path | None) -> "subprocess.Popen[bytes]":
    environment = {k: v for k, v in os.environ.items() if k not in _DROPPED} | _HIDDEN
    environment["PODLOG_JOB"] = setup.job_id
    stderr: IO[bytes] | int = subprocess.DEVNULL if output is None else output.open("ab")
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "podlog.coordinator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,
        )
    finally:
        if not isinstance(stderr, int):
            stderr.close()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

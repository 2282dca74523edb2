"""The processes of a synthetic load, forked by one that has imported all they need."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from ..proto.errors import UnavailableError
from .children import dying_with

_START_S = 60.0
_TURN_S = 0.005


class Nursery:
    """Starts loads and tells how they ended. Used by one thread.

    Args:
        output: file for what the loads print (appended).
    """

    def __init__(self, output: Path) -> None:
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                [
                    *dying_with(os.getpid()),
                    *(sys.executable, "-P", "-m", "podlog.worker.nursery"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                bufsize=0,
            )
        os.set_blocking(self._stdout.fileno(), False)
        self._pending = b""
        self._started: list[int] = []
        self._ended: dict[int, int] = {}

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        """Starts a load; returns its pid.

        Args:
            arguments: of ``python -m podlog.worker.load``.
            environment: added to this process's.

        Raises:
            UnavailableError: nothing is started any more.
        """
        assert self._process.stdin is not None
        asked = {"arguments": list(arguments), "environment": dict(environment)}
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        except OSError as error:
            raise UnavailableError(f"no load can be started: {error}") from error
        deadline = time.monotonic() + _START_S
        while not self._started:
            self._hear()
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise UnavailableError("no load can be started; see loads.log")
            time.sleep(_TURN_S)
        return self._started.pop()

    def code(self, pid: int) -> int | None:
        """How a load ended, minus a signal if one ended it; None while it runs."""
        self._hear()
        return self._ended.get(pid)

    def wait(self, pid: int, timeout: float) -> int | None:
        """As `code`, and waits for its end."""
        deadline = time.monotonic() + timeout
        while (code := self.code(pid)) is None and time.monotonic() < deadline:
            time.sleep(_TURN_S)
        return code

    def send(self, pid: int, number: int) -> bool:
        """Sends a signal to a load; whether it still ran."""
        if self.code(pid) is not None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """Ends it and all loads; safe twice."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _hear(self) -> None:
        while data := self._stdout.read(65536):
            *lines, self._pending = (self._pending + data).split(b"\n")
            for line in lines:
                word, pid, *code = line.split()
                if word == b"started":
                    self._started.append(int(pid))
                    self._ended.pop(int(pid), None)  # that was another one with its pid
                else:
                    self._ended[int(pid)] = int(code[0])

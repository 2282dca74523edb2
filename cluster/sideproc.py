"""One coordinator process: started, spoken to, heard and reaped."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..proto.control import Notice, Setup, dump, load
from ..proto.errors import WireError

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


class SideProcess:
    """A process with a session of its own and pipes both ways.

    `hear` and `reap` belong to one thread, `tell` and `hang_up` to whoever
    holds the owner's lock.

    Args:
        setup: its job id goes into the process's environment, secrets do not.
        output: file for its stderr (appended); None: thrown away.

    Attributes:
        started: monotonic seconds.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, setup: Setup, output: Path | None) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in _DROPPED} | _HIDDEN
        environment["PODLOG_JOB"] = setup.job_id
        stderr: IO[bytes] | int = subprocess.DEVNULL if output is None else output.open("ab")
        try:
            self._process = subprocess.Popen(
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
        self.started = time.monotonic()
        self._killed = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def tell(self, notice: Notice) -> None:
        """Writes a notice; never raises: one that is gone needs no telling."""
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return
        try:
            stdin.write(dump(notice))
            stdin.flush()
        except OSError as error:
            _log.debug("the coordinator (pid %d) does not listen: %s", self.pid, error)

    def hang_up(self) -> None:
        """Closes its stdin; safe twice."""
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return
        try:
            stdin.close()
        except OSError:
            _log.debug("the coordinator (pid %d) was gone before its release", self.pid)

    def hear(self) -> Iterator[Notice]:
        """Its notices, until its stdout closes."""
        stdout = self._process.stdout
        assert stdout is not None
        with stdout:
            for line in stdout:
                try:
                    yield load(line)
                except WireError as error:
                    _log.warning("from the coordinator: %s", error)

    def reap(self) -> int:
        """Waits for its end; the exit code, or minus the signal that ended it."""
        return self._process.wait()

    def kill(self) -> bool:
        """Ends it at once, unsettled; whether it lived."""
        lived, self._killed = not self._killed and self._process.poll() is None, True
        self._process.kill()
        return lived

    def how(self, code: int) -> str:
        """That it ended with what `reap` returned, for people."""
        if code >= 0:
            return f"the coordinator (pid {self.pid}) ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"the coordinator (pid {self.pid}) was ended by {name}"

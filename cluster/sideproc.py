"""One coordinator process: started, spoken to, heard and reaped."""

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..proto import forks
from ..proto.control import JOURNAL_GONE, Notice, Setup, dump, load
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
_JOIN_S = 1.0
_DROPPED = ("PODLOG_TOKEN", "PODLOG_CERT", "LD_PRELOAD")


class SideProcess:
    """A process with a session of its own and pipes both ways.

    `hear` and `reap` belong to one thread; the rest is thread-safe and waits for
    nothing: a thread, ``podlog-sidecar-in``, writes. A forked child of this
    process does not keep the pipes open.

    Args:
        setup: its job id goes into the process's environment, secrets do not.
        output: file for its stderr (appended); None, or one that cannot be
            written: thrown away.

    Attributes:
        started: monotonic seconds.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, setup: Setup, output: Path | None) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in _DROPPED} | _HIDDEN
        environment["PODLOG_JOB"] = setup.job_id
        stderr = _opened(output)
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
        forks.in_child(self, SideProcess._leave)
        self.started = time.monotonic()
        self._killed = False
        self._notices: queue.SimpleQueue[Notice | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="podlog-sidecar-in", daemon=True)
        self._writer.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def tell(self, notice: Notice) -> None:
        """Has a notice written; one that is gone needs no telling."""
        self._notices.put(notice)

    def hang_up(self) -> None:
        """Has its stdin closed behind what it is told; safe twice."""
        self._notices.put(None)

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
        code = self._process.wait()
        self.hang_up()
        self._writer.join(_JOIN_S)
        return code

    def kill(self) -> bool:
        """Ends it at once, unsettled; whether it lived."""
        lived, self._killed = not self._killed and self._process.poll() is None, True
        self._process.kill()
        return lived

    def how(self, code: int) -> str:
        """That it ended with what `reap` returned, for people."""
        if code == JOURNAL_GONE:
            return f"the coordinator (pid {self.pid}) ended since its journal was deleted"
        if code >= 0:
            return f"the coordinator (pid {self.pid}) ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"the coordinator (pid {self.pid}) was ended by {name}"

    def _write(self) -> None:
        """It may be slow to read, or hang before it does: nobody else waits for that."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            while (notice := self._notices.get()) is not None:
                stdin.write(dump(notice))
                stdin.flush()
        except OSError as error:
            _log.debug("the coordinator (pid %d) does not listen: %s", self.pid, error)
        finally:
            with contextlib.suppress(OSError):
                stdin.close()

    def _leave(self) -> None:
        """In a forked child: the pipes end with the process that made them."""
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                os.dup2(null, stream.fileno(), inheritable=False)
        os.close(null)


def _opened(output: Path | None) -> IO[bytes] | int:
    try:
        return subprocess.DEVNULL if output is None else output.open("ab")
    except OSError as error:
        _log.debug("what the coordinator says is not kept: %s", error)
        return subprocess.DEVNULL

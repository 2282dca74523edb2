"""`podlog run`: a job of many processes on one machine.

The coordinator is started first and outlives the processes until it has
settled; the processes die with this launcher; the exit status is the job's.
With restarts a job that failed lives again, under the same log_path.
"""

import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..proto.config import SecurityConfig
from ..proto.control import Ended
from ..proto.errors import UnavailableError
from ..proto.words import stopped_by
from . import address, env
from .hosting import LOOPBACK, OUTPUT, Host, Hosting
from .outcome import (
    STARTED_AGAIN,
    UNSETTLED,
    exit_status,
    last_word,
    said,
    status_of,
)
from .tending import Tending
from .terminal import signals_to, tell, tell_file

_SETTLE_TIMEOUT_S = 150.0


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """What `podlog run` is asked for.

    Attributes:
        command: a Python script and its arguments.
        processes: how many processes run it.
        cpu_devices: CPU devices a process; None: the machine's accelerators.
        log_path: folder for a Logger whose config has none.
        run_id: name for a run whose config has none.
        grace: seconds between the signals that stop the processes.
        tls: whether what they say to the coordinator is encrypted.
        restarts: how often a job that failed, lost a process or did not finish
            is started again.
    """

    command: Sequence[str]
    processes: int
    cpu_devices: int | None = None
    log_path: Path | None = None
    run_id: str = ""
    grace: float = 5.0
    tls: bool = True
    restarts: int = 0


def run(job: Job) -> int:
    """Runs a job to its end, again as often as it may, and returns the exit status.

    Call it on the main thread: it takes SIGINT, SIGTERM and SIGHUP meanwhile,
    and the processes live no longer than the calling thread.
    """
    with tempfile.TemporaryDirectory(prefix="podlog-", ignore_cleanup_errors=True) as folder:
        lives = _Lives(job, Path(folder))
        try:
            with signals_to(lives.signalled):
                return exit_status(lives.run())
        except UnavailableError as error:
            tell(f"cannot start: {error}")
            tell_file(Path(folder, OUTPUT))
            return exit_status("failure")


class _Lives:
    """One job, from its first life to its last; used by one thread."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._job = job
        self._folder = folder
        self._life = _Life(job, folder)

    def signalled(self, number: int) -> None:
        """The launcher got a signal; called by its handler."""
        self._life.tending.put(number)

    def run(self) -> str:
        """The verdict of the last life.

        Raises:
            UnavailableError: the coordinator cannot be started.
        """
        status = self._life.run()
        for again in range(1, self._job.restarts + 1):
            before, self._life = self._life, _Life(self._job, self._folder)
            if status not in STARTED_AGAIN or before.tending.received() is not None:
                break
            tell(f"the job is started again: restart {again} of {self._job.restarts}")
            status = self._life.run()
        return status


class _Life:
    """One life of a job: its processes and their coordinator; used by one thread."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._job = job
        self._folder = folder
        self._log_path = None if job.log_path is None else job.log_path.absolute()
        self.tending = Tending(job.grace)

    def run(self) -> str:
        """Starts everything, waits, settles, says how it ended; the verdict.

        Raises:
            UnavailableError: the coordinator cannot be started.
        """
        hosting = Hosting(
            self._job.processes,
            host=LOOPBACK,
            log_path=self._log_path,
            run_id=self._job.run_id,
            security=SecurityConfig(tls=self._job.tls),
        )
        host = Host(hosting, env.Environment(), self._folder, self.tending)
        try:
            self._start(host.told())
            self.tending.watch(host.report, host.signalled)
            self._settle(host)
        finally:
            self.tending.close()
            host.close()
        ended = self._verdict(host)
        host.say(ended)
        return ended.status

    def _start(self, told: env.Environment) -> None:
        told = dataclasses.replace(
            told, run_id=self._job.run_id, log_path=self._log_path, publish=False
        )
        jax_port = address.free_port()
        for index in range(self._job.processes):
            self.tending.children.start(
                index,
                [sys.executable, *self._job.command],
                env.child(told, index, self._job.processes, jax_port, self._job.cpu_devices),
            )

    def _settle(self, host: Host) -> None:
        """Waits until the coordinator has settled; a signal ends the wait."""
        host.conclude(self.tending.received())
        if not self.tending.settle(host.wait, _SETTLE_TIMEOUT_S):
            tell(f"the coordinator (pid {host.pid}) settles without us")

    def _verdict(self, host: Host) -> Ended:
        """The coordinator's verdict; if it has none, what is known here."""
        opened, ended = not host.unopened(), host.ended
        received, failed = self.tending.received(), self.tending.failed
        if opened and ended is not None:
            return last_word(ended, failed)
        if received is not None:
            return Ended(stopped_by(received))
        if failed:
            named = ended if ended and ended.root_cause else None
            return named or Ended(status_of(failed[0]), said(failed[0]))
        return UNSETTLED if opened else Ended("success")

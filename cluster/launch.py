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
from ..proto.contact import Contact
from ..proto.control import AllEnded, Ended, Signalled
from ..proto.errors import UnavailableError
from ..proto.words import stopped_by
from . import address, env, jobs
from .listener import Listener
from .outcome import (
    STARTED_AGAIN,
    UNSETTLED,
    exit_status,
    last_word,
    said,
    status_of,
    tell_end,
)
from .sidecar import Sidecar
from .tending import Tending
from .terminal import signals_to, tell, tell_file

_SETTLE_TIMEOUT_S = 150.0
_OUTPUT = "coordinator.log"


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
            tell_file(Path(folder, _OUTPUT))
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
        self._log_path = None if job.log_path is None else job.log_path.absolute()
        self._setup = jobs.new_job(
            SecurityConfig(tls=job.tls),
            job.processes,
            launched=True,
            log_path="" if self._log_path is None else str(self._log_path),
            run_id=job.run_id,
        )
        self._output = folder / _OUTPUT
        self._contact_file = folder / "contact"
        self.tending = Tending(job.grace)

    def run(self) -> str:
        """Starts everything, waits, settles, says how it ended; the verdict.

        Raises:
            UnavailableError: the coordinator cannot be started.
        """
        put = self.tending.put
        listener = Listener(restart=self._publish, death=tell, sign=put, end=put)
        sidecar = Sidecar.start(self._setup, output=self._output, listener=listener)
        try:
            self._start(sidecar.ready())
            self.tending.watch(sidecar.send, lambda number: sidecar.send(Signalled(number)))
            self._settle(sidecar)
        except UnavailableError:
            sidecar.kill()
            raise
        finally:
            self.tending.close()
            sidecar.release()
        if sidecar.ended is None and sidecar.opened is None:
            tell_file(self._output)
        ended = self._verdict(sidecar)
        tell_end(sidecar.opened, ended)
        return ended.status

    def _start(self, port: int) -> None:
        self._publish(port)
        told = dataclasses.replace(
            env.Environment.naming(self._contact(port)),
            contact_file=self._contact_file,
            run_id=self._job.run_id,
            log_path=self._log_path,
        )
        jax_port = address.free_port()
        for index in range(self._job.processes):
            self.tending.children.start(
                index,
                [sys.executable, *self._job.command],
                env.child(told, index, self._job.processes, jax_port, self._job.cpu_devices),
            )

    def _contact(self, port: int) -> Contact:
        return jobs.contact(self._setup, address.join("127.0.0.1", port))

    def _publish(self, port: int) -> None:
        """Where the coordinator listens now; the processes look at each connect."""
        self._contact(port).save(self._contact_file)

    def _settle(self, sidecar: Sidecar) -> None:
        """Waits until the coordinator has settled; a signal ends the wait."""
        sidecar.send(AllEnded(signal=self.tending.received()))
        if not self.tending.settle(sidecar.wait, _SETTLE_TIMEOUT_S):
            tell(f"the coordinator (pid {sidecar.pid}) settles without us")

    def _verdict(self, sidecar: Sidecar) -> Ended:
        """The coordinator's verdict; if it has none, what is known here."""
        opened, ended = sidecar.opened, sidecar.ended
        received, failed = self.tending.received(), self.tending.failed
        if opened is not None and ended is not None:
            return last_word(ended, failed)
        if received is not None:
            return Ended(stopped_by(received))
        if failed:
            named = ended if ended and ended.root_cause else None
            return named or Ended(status_of(failed[0]), said(failed[0]))
        return Ended("success") if opened is None else UNSETTLED

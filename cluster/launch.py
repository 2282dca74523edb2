"""`podlog run`: a job of many processes on one machine.

The coordinator is started first and outlives the processes until it has
settled; the processes die with this launcher; the exit status is the job's.
"""

import dataclasses
import queue
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ..proto.config import SecurityConfig
from ..proto.contact import Contact
from ..proto.control import AllEnded, Ended, ProcessExit
from ..proto.errors import UnavailableError
from . import address, env, jobs
from .children import Children, said
from .outcome import UNSETTLED, exit_status, stopped_by, tell_end
from .sidecar import Sidecar
from .stopping import Stopping
from .terminal import signals_into, tell, tell_file

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
    """

    command: Sequence[str]
    processes: int
    cpu_devices: int | None = None
    log_path: Path | None = None
    run_id: str = ""
    grace: float = 5.0
    tls: bool = True


def run(job: Job) -> int:
    """Runs a job to its end and returns the exit status.

    Call it on the main thread: it takes SIGINT, SIGTERM and SIGHUP meanwhile,
    and the processes live no longer than the calling thread.
    """
    with tempfile.TemporaryDirectory(prefix="podlog-", ignore_cleanup_errors=True) as folder:
        output = Path(folder, "coordinator.log")
        try:
            return _Run(job, Path(folder)).run(output)
        except UnavailableError as error:
            tell(f"cannot start: {error}")
            tell_file(output)
            return exit_status("failure")


class _Run:
    """One job while it runs; used by one thread."""

    def __init__(self, job: Job, folder: Path):
        self._job = job
        self._contact_file = folder / "contact"
        self._events: queue.SimpleQueue[ProcessExit | int] = queue.SimpleQueue()
        self._children = Children(self._events)
        self._stopping = Stopping(job.grace)
        self._failed: list[ProcessExit] = []
        self._setup = jobs.new_job(SecurityConfig(tls=job.tls), job.processes, launched=True)

    def run(self, output: Path) -> int:
        """Starts everything, waits, settles."""
        with signals_into(self._events):
            sidecar = Sidecar.start(
                self._setup, output=output, on_restart=self._publish, on_death=tell
            )
            try:
                port = sidecar.ready()
                self._start(port)
                self._watch(sidecar)
                self._settle(sidecar)
            except UnavailableError:
                sidecar.kill()
                raise
            finally:
                self._children.close()
                sidecar.release()
        if sidecar.ended is None and sidecar.opened is None:
            tell_file(output)
        return self._report(sidecar)

    def _start(self, port: int) -> None:
        self._publish(port)
        told = dataclasses.replace(
            env.Environment.naming(self._contact(port)),
            contact_file=self._contact_file,
            run_id=self._job.run_id,
            log_path=None if self._job.log_path is None else self._job.log_path.absolute(),
        )
        jax_port = address.free_port()
        for index in range(self._job.processes):
            self._children.start(
                [sys.executable, *self._job.command],
                env.child(told, index, self._job.processes, jax_port, self._job.cpu_devices),
            )

    def _contact(self, port: int) -> Contact:
        return jobs.contact(self._setup, address.join("127.0.0.1", port))

    def _publish(self, port: int) -> None:
        """Where the coordinator listens now; the processes look at each connect."""
        self._contact(port).save(self._contact_file)

    def _watch(self, sidecar: Sidecar) -> None:
        """Until every process has ended."""
        left = self._job.processes
        while left:
            event = self._next(self._stopping.wait(time.monotonic()))
            now = time.monotonic()
            if event is None:
                numbers = self._stopping.due(now)
            elif isinstance(event, int):
                tell(f"{signal.Signals(event).name} received: stopping {left} processes")
                numbers = self._stopping.signalled(event, now)
            else:
                left -= 1
                numbers = self._exited(event, sidecar, now)
            for number in numbers:
                self._children.send(number)

    def _exited(self, event: ProcessExit, sidecar: Sidecar, now: float) -> Sequence[int]:
        event = dataclasses.replace(
            event, caused=not self._stopping.begun, received=self._stopping.received
        )
        sidecar.send(event)
        if event.code == 0 or not event.caused:
            return ()
        self._failed.append(event)
        others = len(self._children.running)
        tell(said(event) + (f": stopping the other {others}" if others else ""))
        return self._stopping.failed(now)

    def _settle(self, sidecar: Sidecar) -> None:
        """Waits until the coordinator has settled; a signal ends the wait."""
        sidecar.send(AllEnded(signal=self._stopping.received))
        deadline = time.monotonic() + _SETTLE_TIMEOUT_S
        while not sidecar.wait(0.1):
            event = self._next(0.0)
            if isinstance(event, int):
                self._stopping.signalled(event, time.monotonic())
            if event is not None or time.monotonic() > deadline:
                tell(f"the coordinator (pid {sidecar.pid}) settles without us")
                return

    def _next(self, timeout: float | None) -> ProcessExit | int | None:
        try:
            return self._events.get(timeout=timeout) if timeout != 0 else self._events.get_nowait()
        except queue.Empty:
            return None

    def _report(self, sidecar: Sidecar) -> int:
        """Tells how the job ended and returns the exit status."""
        opened = sidecar.opened
        ended = sidecar.ended
        if ended is None or opened is None:
            ended = self._unsettled(opened is not None)
        tell_end(opened, ended)
        return exit_status(ended.status) or exit_status("failure" if self._failed else "success")

    def _unsettled(self, opened: bool) -> Ended:
        """The verdict where the coordinator has none."""
        if self._stopping.received is not None:
            return Ended(stopped_by(self._stopping.received))
        if self._failed:
            return Ended("failure", said(self._failed[0]))
        if opened:
            return UNSETTLED
        return Ended("success")

"""One life of a job under chaos: a coordinator and the processes of a synthetic load."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from ..proto.config import SecurityConfig
from ..proto.control import AllEnded, Ended, ProcessExit
from . import address, env, jobs
from .listener import Listener
from .nursery import Nursery
from .sidecar import Sidecar
from .witness import lives

_END_S = 30.0
_TURN_S = 0.02
_WITNESS = "witness-"


class ChaosJob:
    """Starts everything, and starts again what was killed. Used by one thread.

    Args:
        number: which life of the job, from 1.
        processes: how many.
        start: the first step.
        rate: steps a second.
        nursery: starts the processes.
        log_path: the run's folder.
        folder: for what is chaos's own: the config, witnesses, output.
        tell: takes lines about what is not as it should be.

    Raises:
        UnavailableError: the coordinator cannot be started.
    """

    def __init__(
        self,
        number: int,
        processes: int,
        start: int,
        rate: float,
        nursery: Nursery,
        *,
        log_path: Path,
        folder: Path,
        tell: Callable[[str], None],
    ) -> None:
        self.processes = processes
        self.restarts = 0
        self._number = number
        self._start = start
        self._rate = rate
        self._nursery = nursery
        self._log_path = log_path
        self._folder = folder
        self._tell = tell
        self._began = time.time()
        self._contact_file = folder / "contact"
        self._setup = jobs.new_job(SecurityConfig(), processes, launched=True)
        self._sidecar = Sidecar.start(
            self._setup,
            output=folder / "coordinator.log",
            listener=Listener(console=lambda _: None, restart=self._publish, death=lambda _: None),
        )
        self._lived: dict[int, int] = {}
        self._loads: list[int] = []
        try:
            self._publish(self._sidecar.ready())
            self._loads += [self._load(index) for index in range(processes)]
        except BaseException:
            self.kill()
            raise

    @property
    def listens(self) -> bool:
        """Whether the present coordinator listens."""
        return self._sidecar.listens

    @property
    def coordinators(self) -> int:
        """How often the coordinator was started again."""
        return self._sidecar.restarts

    def tend(self) -> None:
        """Starts again the processes that have ended, as a scheduler would."""
        for index, pid in enumerate(self._loads):
            code = self._nursery.code(pid)
            if code is None:
                continue
            if code != -signal.SIGKILL:
                self._tell(f"process {index} ended by itself, with {code}; see loads.log")
            self.restarts += 1
            self._loads[index] = self._load(index)

    def kill_worker(self, index: int) -> bool:
        """SIGKILL to one process; whether it lived."""
        lived = self._nursery.send(self._loads[index], signal.SIGKILL)
        self._nursery.wait(self._loads[index], _END_S)
        return lived

    def kill_coordinator(self) -> bool:
        """SIGKILL to the coordinator; whether it lived."""
        return self._sidecar.kill_present()

    def kill(self) -> None:
        """SIGKILL to everything at once, for good."""
        for pid in self._loads:
            self._nursery.send(pid, signal.SIGKILL)
        self._sidecar.kill()
        for pid in self._loads:
            self._nursery.wait(pid, _END_S)

    def finish(self, timeout: float) -> Ended | None:
        """Has all processes end in order and waits until the coordinator has settled.

        Returns:
            The coordinator's last word; None if there was none in time.
        """
        deadline = time.monotonic() + timeout
        while not all(map(self.up, range(self.processes))) and time.monotonic() < deadline:
            self.tend()
            time.sleep(_TURN_S)
        for pid in self._loads:
            self._nursery.send(pid, signal.SIGTERM)
        for index, pid in enumerate(self._loads):
            code = self._nursery.wait(pid, max(0.1, deadline - time.monotonic()))
            if code is None:
                self._tell(f"process {index} did not end; see loads.log")
                self.kill_worker(index)
                code = -signal.SIGKILL
            by_code, by_signal = (code, None) if code >= 0 else (None, -code)
            self._sidecar.send(ProcessExit(index, pid, by_code, by_signal))
        self._sidecar.send(AllEnded())
        if not self._sidecar.wait(max(0.1, deadline - time.monotonic())):
            self._tell("the coordinator did not settle in time")
            self._sidecar.kill()
        return self._sidecar.ended

    def up(self, index: int) -> bool:
        """Whether the present life of a process has begun, as its witness says."""
        return len(lives(self._witness(index))) > self._lived[index]

    def _witness(self, index: int) -> Path:
        return self._folder / f"{_WITNESS}{index}"

    def _publish(self, port: int) -> None:
        jobs.contact(self._setup, address.join("127.0.0.1", port)).save(self._contact_file)

    def _load(self, index: int) -> int:
        self._lived[index] = len(lives(self._witness(index)))
        told = env.Environment(
            contact_file=self._contact_file,
            job_id=self._setup.job_id,
            started=self._setup.started,
            log_path=self._log_path,
        )
        asked = {
            "process": index,
            "processes": self.processes,
            "witness": self._witness(index),
            "job": self._number,
            "start": self._start,
            "began": self._began,
            "rate": self._rate,
            "config": self._folder / "config",
        }
        arguments = [f"--{name}={value}" for name, value in asked.items()]
        return self._nursery.start(arguments, told.variables() | {"LOGLEVEL": "CRITICAL"})


def witnesses(folder: Path) -> dict[int, Path]:
    """The witnesses' files in `folder`, by process."""
    return {int(p.name.removeprefix(_WITNESS)): p for p in folder.glob(f"{_WITNESS}*")}

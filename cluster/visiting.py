"""The launcher of any process but process 0: it finds the coordinator, and attends it."""

import dataclasses
import socket
import time
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.contact import Contact
from ..proto.control import Ended, ProcessExit
from ..proto.errors import ConfigError
from . import env
from .afterwards import kept_verdict
from .attend import Attendance
from .outcome import UNSETTLED, signed
from .pipe import Inlet
from .tending import Tending
from .terminal import tell

LOOK_S = 1.0
"""So often the run's folder is looked at for the verdict, while the coordinator is away."""


class Visitor:
    """The way to a coordinator that another launcher started. Used by one thread.

    Where it is comes from the environment, else from the wrapped process, whose
    Logger finds it in JAX's key-value store. The coordinator of a short job may
    have settled before it was reached: then the run's folder has the verdict.

    Args:
        process: index of the wrapped process.
        said: what the environment says of the coordinator.
        tending: hears first signs and the verdict.
        tls: whether a certificate is needed.
        log_path: the run's folder, if this launcher was told.

    Raises:
        ConfigError: the environment names a coordinator that cannot be checked.
    """

    def __init__(
        self,
        process: int,
        said: env.Environment,
        tending: Tending,
        *,
        tls: bool,
        log_path: Path | None = None,
    ) -> None:
        named = said.contact()
        if named is not None and tls and not named.cert and said.contact_file is None:
            raise ConfigError(f"{env.COORDINATOR} needs {env.CERT}: set it, or give --no-tls")
        self._said = said
        self._tending = tending
        self._log_path = log_path
        self._inlet = Inlet()
        self._job_id = ""
        self._kept: Ended | None = None
        self._look_at = 0.0
        attend = pb.Attend(process=process, job_id=said.job_id, host=socket.gethostname())
        expected = named is not None or said.contact_file is not None
        self._attendance = Attendance(attend, self._find, tending.put, expected=expected)
        self._attendance.start()

    @property
    def outlets(self) -> tuple[int, ...]:
        """What the wrapped process inherits: the pipe."""
        return (self._inlet.outlet,)

    def told(self) -> env.Environment:
        """What the wrapped process is told: what was said here, and the pipe."""
        return dataclasses.replace(self._said, pipe=self._inlet.name, publish=False)

    def started(self) -> None:
        """The wrapped process runs."""
        self._inlet.handed()

    def report(self, exit_: ProcessExit) -> None:
        """The wrapped process has ended."""
        self._attendance.report(exit_)

    def signalled(self, number: int) -> None:
        """This launcher received its first signal: the report says so."""

    def wait(self, timeout: float) -> bool:
        """Waits at most `timeout` seconds for the verdict; True if none will come after that."""
        return self._attendance.wait(timeout) or self._look()

    def unopened(self) -> bool:
        """Whether it is known that there is no run: only process 0's launcher knows."""
        return False

    def conclude(self, _: int | None) -> bool:
        """Whether the coordinator can be made to settle: only process 0's launcher can."""
        return False

    def verdict(self) -> Ended | None:
        """The coordinator's verdict, else what was heard of it; None if it is not known."""
        attendance = self._attendance
        if attendance.settled:
            return attendance.ended
        if self._kept is not None:
            return self._kept
        if self._tending.sign is not None:
            return signed(self._tending.sign)
        return UNSETTLED if attendance.known else None

    def say(self, ended: Ended) -> None:
        """Says how the job ended, and if that is not sure, why."""
        cause = f": {ended.root_cause}" if ended.root_cause else ""
        note = self._doubt() if self._kept is None else ""
        tell(f"{ended.status}{cause}{note and f'; {note}'}")

    def close(self) -> None:
        """Ends the call; safe twice."""
        self._attendance.close()
        self._inlet.close()

    def _doubt(self) -> str:
        """Why the coordinator's verdict is not known, if it is not."""
        attendance = self._attendance
        if attendance.refused:
            return f"the coordinator refused its launcher ({attendance.refused})"
        if not attendance.known:
            return "nobody said where the coordinator is"
        if not attendance.settled:
            return "the coordinator went without a verdict"
        return "no Logger opened a run" if attendance.ended is None else ""

    def _look(self) -> bool:
        """Whether the run's folder has the verdict on the job that the process was in."""
        now = time.monotonic()
        if self._log_path is None or not self._job_id or self._attendance.reached:
            return False
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            self._kept = kept_verdict(self._log_path, self._job_id)
        return self._kept is not None

    def _find(self, timeout: float) -> Contact | None:
        """Where the coordinator is; the attendance's thread asks."""
        said = self._said.contact()
        told = self._inlet.contact(timeout if said is None else 0.0)
        if told is not None:
            self._job_id = told.job_id  # the process has spoken to it, whatever a file still says
        return said or told

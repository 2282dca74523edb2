"""`podlog exec`: the launcher of one process of a pod, on its own machine.

A cluster starts one in each place where it would start a process. That of
process 0 starts the coordinator first; each starts its process, stops it when
the job fails elsewhere, tells how it ended, and ends with the job's exit status.
"""

import dataclasses
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..proto.config import SecurityConfig
from ..proto.control import Ended, ProcessExit
from ..proto.errors import ConfigError, UnavailableError
from ..proto.words import stopped_by
from . import env
from .hosting import OUTPUT, Host, Hosting
from .outcome import exit_status, last_word, signed
from .tending import Tending
from .terminal import signals_to, tell, tell_file
from .visiting import Visitor

_FAILED_S = 150.0
"""For so long a launcher whose process failed waits for the verdict."""

_SIGNALLED_S = 5.0
"""Beyond two graces, for what the other launchers have to say after a signal."""

_UNOPENED_S = 3.0
"""For so long the coordinator hears of other processes when nobody will open a run."""


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """What `podlog exec` is asked for.

    Attributes:
        command: a program, by path, and its arguments.
        process_index: index of the process; None: as the cluster says.
        process_count: number of processes of the job; None: as the cluster says.
        log_path: folder for a Logger whose config has none.
        run_id: name for a run whose config has none.
        grace: seconds between the signals that stop the process.
        host: the name under which the others reach process 0's machine.
        port: of process 0's coordinator; 0: any.
        security: TLS, and the files that override the random certificate.
    """

    command: Sequence[str]
    process_index: int | None = None
    process_count: int | None = None
    log_path: Path | None = None
    run_id: str = ""
    grace: float = 5.0
    host: str = ""
    port: int = 0
    security: SecurityConfig = dataclasses.field(default_factory=SecurityConfig)


def place(task: Task) -> tuple[int, int]:
    """Index and count of processes: as asked, else as the cluster says, else a job of one.

    Raises:
        ConfigError: half of it is not said, or the index is not below the count.
    """
    index, count = task.process_index, task.process_count
    found = env.described()
    if found is None and index is None and count is None:
        return 0, 1
    if found is not None:
        index = found.index if index is None else index
        count = found.processes if count is None else count
    by = "the environment" if found is None else found.by
    if index is None:
        raise ConfigError(f"{by} does not say which process this is: give --process-index")
    if count is None:
        raise ConfigError(f"{by} does not say how many processes there are: give --process-count")
    if not 0 <= index < count:
        raise ConfigError(f"process index {index} is not below the number of processes, {count}")
    return index, count


def run(task: Task) -> int:
    """Runs the process to its end, waits for the job's, and returns the exit status.

    Call it on the main thread: it takes SIGINT, SIGTERM and SIGHUP meanwhile,
    and the process lives no longer than the calling thread.

    Raises:
        ConfigError: what options and environment say does not fit.
    """
    index, count = place(task)
    said_here = env.read()
    task = dataclasses.replace(
        task,
        run_id=task.run_id or said_here.run_id,
        log_path=_absolute(task.log_path or said_here.log_path),
    )
    tending = Tending(task.grace)
    with (
        tempfile.TemporaryDirectory(prefix="podlog-", ignore_cleanup_errors=True) as folder,
        signals_to(tending.put),
    ):
        try:
            if index == 0:
                side: Host | Visitor = Host(_hosting(task, count), said_here, Path(folder), tending)
            else:
                side = Visitor(
                    index, said_here, tending, tls=task.security.tls, log_path=task.log_path
                )
        except UnavailableError as error:
            tell_file(Path(folder, OUTPUT))
            tell(f"cannot start: {error}")
            return exit_status("failure")
        try:
            return _Run(task, index, count, tending, side).run()
        finally:
            tending.close()
            side.close()


def _hosting(task: Task, count: int) -> Hosting:
    return Hosting(
        count,
        host=task.host,
        port=task.port,
        log_path=task.log_path,
        run_id=task.run_id,
        visited=count > 1,
        security=task.security,
    )


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


class _Run:
    """One process and its launcher; used by one thread."""

    def __init__(
        self, task: Task, index: int, count: int, tending: Tending, side: Host | Visitor
    ) -> None:
        self._task = task
        self._index = index
        self._alone = count == 1
        self._tending = tending
        self._side = side
        self._exit: ProcessExit | None = None
        self._unlogged = False

    def run(self) -> int:
        """Starts the process, waits for its end and the job's, says how that ended."""
        try:
            self._start()
        except OSError as error:
            tell(f"{self._task.command[0]} cannot be started: {error.strerror}")
            return exit_status("failure")
        self._tending.watch(self._report, self._side.signalled)
        self._settle()
        ended = self._verdict()
        self._side.say(ended)
        return exit_status(ended.status)

    def _start(self) -> None:
        told = dataclasses.replace(
            self._side.told(), run_id=self._task.run_id, log_path=self._task.log_path
        )
        self._tending.children.start(
            self._index, self._task.command, env.wrapped(told), pass_fds=self._side.outlets
        )
        self._side.started()

    def _report(self, exit_: ProcessExit) -> None:
        self._exit = exit_
        self._side.report(exit_)

    def _settle(self) -> None:
        """Waits until the job has settled; a signal ends the wait."""
        received = self._tending.received()
        self._unlogged = self._side.unopened() and self._ended_well()
        if self._tending.settle(self._side.wait, self._patience(received)):
            return
        more = self._tending.received() == received and self._side.conclude(received)
        if not more or not self._tending.settle(self._side.wait, _FAILED_S):
            tell("the coordinator settles without us")

    def _patience(self, received: int | None) -> float:
        """For how long processes that are still there are waited for, in seconds."""
        if self._side.unopened():
            return 0.0 if self._alone else _UNOPENED_S
        if received is not None:
            return 2 * self._task.grace + _SIGNALLED_S
        return math.inf if self._ended_well() else _FAILED_S

    def _ended_well(self) -> bool:
        return self._exit is not None and self._exit.code == 0

    def _verdict(self) -> Ended:
        """The coordinator's verdict; if it has none, what is known here."""
        found, failed = self._side.verdict(), self._tending.failed
        if found is not None and found.status == "unfinished" and self._unlogged:
            found = None  # a job without any Logger has nothing to finish
        if found is not None:
            return last_word(found, failed)
        received = self._tending.received()
        if received is not None:
            return Ended(stopped_by(received))
        if not failed and self._tending.sign is not None:
            return signed(self._tending.sign)
        return last_word(Ended("success"), failed)

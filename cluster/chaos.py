"""`podlog chaos`: a synthetic load on this machine, killed at random, then counted."""

import collections
import contextlib
import pickle
import time
from collections.abc import Callable
from pathlib import Path

from ..coordinator.tools import FileLoggerConfig, TensorBoardLoggerConfig
from ..proto.config import LoggerConfig, TimingConfig
from .chaosaudit import Report, audit
from .chaosjob import ChaosJob, witnesses
from .chaosplan import Kill, Plan, schedule
from .nursery import Nursery
from .witness import lives

_TURN_S = 0.02
_SETTLE_S = 120.0
_GAP_STEPS = 1000
"""A new life of the job goes on at the next multiple: what the last one had begun stays its own."""


def run(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Report:
    """Kills, waits until all is settled, and counts.

    Args:
        plan: what is asked for.
        folder: gets the run in ``run`` and what is chaos's own beside it.
        tell: takes a line about the progress.

    Raises:
        UnavailableError: a coordinator cannot be started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = LoggerConfig(
        log_path=folder / "run",
        log_tools=[FileLoggerConfig(), TensorBoardLoggerConfig()],
        timing=TimingConfig(row_timeout_s=5.0, lost_after_s=30.0, heartbeat_s=1.0),
    )
    (folder / "config").write_bytes(pickle.dumps(config))
    chaos = _Chaos(plan, folder, tell)
    return chaos.run()


class _Chaos:
    """One run; used by one thread."""

    def __init__(self, plan: Plan, folder: Path, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._folder = folder
        self._tell = tell
        self._counts: collections.Counter[str] = collections.Counter()
        self._problems: list[str] = []
        self._starts: dict[int, int] = {}
        self._job: ChaosJob | None = None

    def run(self) -> Report:
        with contextlib.ExitStack() as stack:
            self._nursery = Nursery(self._folder / "loads.log")
            stack.callback(self._nursery.close)
            stack.callback(self._let_go)
            job = self._begin()
            began = time.monotonic()
            for kill in schedule(self._plan):
                self._until(job, began + kill.at)
                job = self._strike(job, kill)
            self._until(job, began + self._plan.seconds)
            self._tell("the load ends; waiting until all is settled")
            ended = job.finish(_SETTLE_S)
            self._left(job)
        if ended is None:
            self._problem("no verdict: the coordinator ended without a last word")
        elif ended.status != "success":
            self._problem(f"the verdict is {ended.status}: {ended.root_cause}")
        return audit(self._folder, self._starts, self._counts, self._problems)

    def _begin(self) -> ChaosJob:
        number = len(self._starts) + 1
        witnessed = [life for path in witnesses(self._folder).values() for life in lives(path)]
        newest = max((life.step for life in witnessed), default=0)
        start = newest - newest % _GAP_STEPS + _GAP_STEPS + 1 if newest else 1
        self._starts[number] = start
        self._job = ChaosJob(
            number,
            self._plan.count(number),
            start,
            self._plan.rate,
            self._nursery,
            log_path=self._folder / "run",
            folder=self._folder,
            tell=self._problem,
        )
        return self._job

    def _strike(self, job: ChaosJob, kill: Kill) -> ChaosJob:
        match kill.kind:
            case "worker":
                index = kill.lot % job.processes
                self._await(job, lambda: kill.early or job.up(index))
                self._await(job, lambda: job.kill_worker(index))
                self._told(kill, f"process {index}")
            case "coordinator":
                self._await(job, lambda: kill.early or job.listens)
                self._await(job, job.kill_coordinator)
                self._told(kill, "the coordinator")
            case _:
                self._await(job, lambda: kill.early or all(map(job.up, range(job.processes))))
                job.kill()
                self._left(job)
                self._told(kill, f"all {job.processes} processes and the coordinator")
                return self._begin()
        return job

    def _told(self, kill: Kill, whom: str) -> None:
        self._counts[f"{kill.kind}s killed"] += 1
        self._tell(f"{kill.at:6.1f} s: killed {whom}")

    def _await(self, job: ChaosJob, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SETTLE_S
        while not condition() and time.monotonic() < deadline:
            self._until(job, time.monotonic() + _TURN_S)

    def _until(self, job: ChaosJob, when: float) -> None:
        """Lets the load run until then, starting again what has ended."""
        while True:
            job.tend()
            left = when - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_TURN_S, left))

    def _left(self, job: ChaosJob) -> None:
        self._counts["processes started again"] += job.restarts
        self._counts["coordinators started again"] += job.coordinators
        self._job = None

    def _let_go(self) -> None:
        if self._job is not None:
            self._job.kill()

    def _problem(self, text: str) -> None:
        self._tell(text)
        self._problems.append(text)

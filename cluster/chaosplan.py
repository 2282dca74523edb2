"""What `podlog chaos` is asked for, and whom it kills when. Pure: a seed repeats it."""

import dataclasses
import random
from collections.abc import Sequence

from ..proto.errors import ConfigError

KINDS = ("worker", "coordinator", "job")

_EARLY = 0.2


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What `podlog chaos` is asked for.

    Attributes:
        processes: of the first life of the job.
        seconds: how long there is killing.
        kill: whom: of `KINDS`.
        seed: repeats the schedule.
        kills: how many; None: one a second.
        rate: steps a second of each process.
        then: numbers of processes of the lives that follow, in turn; (): the same.

    Raises:
        ConfigError: a value that cannot be used.
    """

    processes: int = 4
    seconds: float = 60.0
    kill: Sequence[str] = ("worker", "coordinator")
    seed: int = 0
    kills: int | None = None
    rate: float = 50.0
    then: Sequence[int] = ()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kill) - set(KINDS))
        if unknown or not self.kill:
            whom = ", ".join(unknown) or "nobody"
            raise ConfigError(f"cannot kill {whom}: choose of {', '.join(KINDS)}")
        if min(self.processes, *self.then, 1) < 1:
            raise ConfigError("a job has at least one process")

    def count(self, job: int) -> int:
        """How many processes the job's life number `job` has, from 1."""
        if job == 1 or not self.then:
            return self.processes
        return self.then[(job - 2) % len(self.then)]


@dataclasses.dataclass(frozen=True, slots=True)
class Kill:
    """One SIGKILL, or many at once.

    Attributes:
        at: seconds after the start, or as soon after that as the victim is up.
        kind: of `KINDS`; a job is everything at once.
        lot: picks the worker: its remainder by how many there are.
        early: the victim need not be up; so that some die while they start.
    """

    at: float
    kind: str
    lot: int = 0
    early: bool = False


def schedule(plan: Plan) -> list[Kill]:
    """All kills in order of time, each kind as often as the others, or once less."""
    dice = random.Random(plan.seed)
    count = max(1, round(plan.seconds)) if plan.kills is None else plan.kills
    kinds = [plan.kill[i % len(plan.kill)] for i in range(count)]
    dice.shuffle(kinds)
    times = sorted(dice.uniform(0.0, plan.seconds) for _ in kinds)
    return [
        Kill(at, kind, dice.randrange(1 << 16), dice.random() < _EARLY)
        for at, kind in zip(times, kinds, strict=True)
    ]

"""What every process of a simulated pod comes through, and where each is."""

import dataclasses
import random

from podlog.coordinator.core.stop import Outcome
from podlog.worker import agreement as worker

T = 10.0
"""``stop_timeout_s``."""

START = None
"""An item of a course: ``on_training_start``; all others are the steps of gates."""


def course(rng: random.Random) -> list[int | None]:
    """What every process's loop comes through: trainings, gates, steps that go back."""
    items: list[int | None] = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        items.append(START)
        every = rng.choice((1, 1, 1, 3))
        steps = list(range(0, rng.randint(10, 30) * every, every))
        if rng.random() < 0.15:
            back = rng.randrange(len(steps) // 2)
            steps = steps[: back + 6] + steps[back:]
        twice = rng.random() < 0.3
        items += [step for step in steps for _ in range(2 if twice else 1)]
    return items


@dataclasses.dataclass
class Decided:
    """A decision: when, what, in which training (None: they differ), who had answered."""

    at: float
    outcome: Outcome
    training: int | None
    said: dict[int, int]


class Loop:
    """One process: where it is in the course, its agreement, its connection."""

    def __init__(self, index: int, at: int, hold_s: float) -> None:
        self.index, self.at, self.start = index, at, at
        self.incarnation = 1
        self.life = 0  # grows with each death: what was scheduled for it is void
        self.agreement = worker.Agreement(hold_s)
        self.alive, self.ended = True, False
        self.hold: worker.Hold | None = None
        self.connection = 0  # grows; odd: open
        self.arrivals = [0.0, 0.0]  # of the last message up and down: streams keep their order
        self.received: dict[int, tuple[float, int]] = {}  # decision: when, last gate
        self.proposed: dict[int, float] = {}
        self.began = 0.0
        self.stopped: int | None = None
        self.saw_nans: int | None = None

"""Which training each process is in; pure."""

import dataclasses
from collections.abc import Iterable
from typing import Any


@dataclasses.dataclass(slots=True)
class _Life:
    """Of one incarnation: how often it called ``on_training_start``, and what to add to that.

    `again`: another one was there before it.
    """

    incarnation: int
    count: int = 0
    ahead: int = 0
    again: bool = False


class Trainings:
    """Numbers the job's trainings by each process's own count of ``on_training_start``.

    A process that came back in a new life begins to count again, and some never
    call it: their counts are lifted by `level`, once it is clear that they will
    not catch up by themselves. One that only lags is waited for.
    """

    def __init__(self) -> None:
        self._lives: dict[int, _Life] = {}

    def joined(self, process: int, incarnation: int) -> bool:
        """A process is there; whether in a new life."""
        life = self._lives.get(process)
        if life is not None and life.incarnation == incarnation:
            return False
        self._lives[process] = _Life(incarnation, again=life is not None)
        return True

    def told(self, process: int, count: int) -> bool:
        """A process tells its count; whether it has grown."""
        life = self._lives.get(process)
        if life is None or count <= life.count:
            return False
        if life.count == 0:
            life.ahead = max(0, life.ahead - count)  # it was lifted while it had yet to begin
        life.count = count
        return True

    def current(self, process: int, incarnation: int) -> bool:
        """Whether `incarnation` is the process's present life."""
        life = self._lives.get(process)
        return life is not None and life.incarnation == incarnation

    def count(self, process: int) -> int:
        """The process's own count."""
        life = self._lives.get(process)
        return 0 if life is None else life.count

    def number(self, process: int) -> int:
        """Which training of the job the process is in."""
        life = self._lives.get(process)
        return 0 if life is None else life.count + life.ahead

    def even(self, processes: Iterable[int]) -> bool:
        """Whether all of them are in one training."""
        return len({self.number(p) for p in processes}) <= 1

    def level(self, processes: Iterable[int]) -> int:
        """Lifts those that do not count like the others; the number of all that are level then."""
        lives = [self._lives[p] for p in processes if p in self._lives]
        most = max((life.count + life.ahead for life in lives), default=0)
        for life in lives:
            if life.again or not life.count:
                life.ahead = most - life.count
        return most

    def dump(self) -> dict[str, list[Any]]:
        """For `recall`."""
        return {
            str(process): [life.incarnation, life.count, life.ahead, life.again]
            for process, life in sorted(self._lives.items())
        }

    def recall(self, saved: dict[str, list[Any]]) -> None:
        """Goes on from what `dump` gave."""
        self._lives = {int(p): _Life(*values) for p, values in saved.items()}

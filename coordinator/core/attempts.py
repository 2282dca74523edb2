"""Attempts: which is newer, the number people see, what a restore supersedes."""

import dataclasses
from collections.abc import Callable, Iterable

from ...proto.rows import RowKey


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as the journal keeps it.

    Attributes:
        number: 1, 2, … in the order in which attempts became known.
        job_id: the life of the job.
        started: published start time of that life, seconds since the epoch.
        restores: restores of a checkpoint in that life before this attempt.
        restored_at: the step it was restored at (or rewound to); None: it was not.
    """

    number: int
    job_id: str
    started: float
    restores: int
    restored_at: int | None = None

    @property
    def age(self) -> tuple[float, str, int]:
        """Sorts attempts from the oldest to the newest."""
        return (self.started, self.job_id, self.restores)


class Attempts:
    """All attempts of a run. Not thread-safe.

    Args:
        known: those in the journal.
    """

    def __init__(self, known: Iterable[Attempt] = ()) -> None:
        self._by_number = {attempt.number: attempt for attempt in known}
        self._numbers = {(a.job_id, a.restores): a.number for a in self._by_number.values()}

    def all(self) -> tuple[Attempt, ...]:
        """Every attempt, from the oldest to the newest."""
        return tuple(sorted(self._by_number.values(), key=lambda a: a.age))

    def number(self, job_id: str, started: float, restores: int) -> int:
        """The number of an attempt; the next free one if it is new."""
        number = self._numbers.get((job_id, restores))
        if number is None:
            number = max(self._by_number, default=0) + 1
            self._numbers[job_id, restores] = number
            self._by_number[number] = Attempt(number, job_id, started, restores)
        return number

    def restored(self, number: int, step: int) -> None:
        """An attempt's processes restored at `step`; the lowest one told counts."""
        attempt = self._by_number[number]
        if attempt.restored_at is None or step < attempt.restored_at:
            self._by_number[number] = dataclasses.replace(attempt, restored_at=step)

    def newest(self) -> int:
        """The number of the newest attempt; 0 if there is none."""
        attempts = self.all()
        return attempts[-1].number if attempts else 0

    def newer(self, number: int, than: int) -> bool:
        """Whether one attempt is newer than another."""
        return self._by_number[number].age > self._by_number[than].age

    def superseded(self, key: RowKey, has: Callable[[RowKey], bool]) -> bool:
        """Whether a newer attempt takes the place of a row.

        Rows beyond a newer attempt's restore step are superseded; others only
        where the newer attempt has a row of the same mode, step, kind and n.

        Args:
            key: the row.
            has: whether the journal holds a row.
        """
        return any(
            (newer.restored_at is not None and key.step > newer.restored_at)
            or has(dataclasses.replace(key, attempt=newer.number))
            for newer in self._by_number.values()
            if newer.age > self._by_number[key.attempt].age
        )

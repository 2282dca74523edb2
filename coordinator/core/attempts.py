"""Attempts: which is older, whose it is, what a restore supersedes."""

import dataclasses
from collections.abc import Callable, Iterable

from ...proto.rows import RowKey


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as the journal keeps it.

    Attributes:
        number: 1, 2, … in the order in which attempts became known: not their age.
        job_id: the life of the job.
        started: published start time of that life, seconds since the epoch.
        restores: restores of a checkpoint in that life before this attempt.
        restored_at: the step it was restored at (or rewound to); None: it was not.
        processes: how many processes the job had; 0: not known.
    """

    number: int
    job_id: str
    started: float
    restores: int
    restored_at: int | None = None
    processes: int = 0

    @property
    def age(self) -> tuple[float, str, int]:
        """Sorts attempts from the oldest to the newest."""
        return (self.started, self.job_id, self.restores)


class Attempts:
    """All attempts of a run. Not thread-safe.

    Args:
        known: those in the journal.
        job_id: the life of the job that is served now; "": none.

    Attributes:
        reading: whether spools of the dead, of any attempt, are still being read.
    """

    def __init__(self, known: Iterable[Attempt] = (), job_id: str = "") -> None:
        self.reading = False
        self.tell(known, job_id)

    def tell(self, known: Iterable[Attempt], job_id: str) -> None:
        """Takes the place of what was known before."""
        self._by_number = {attempt.number: attempt for attempt in known}
        self._job_id = job_id

    def all(self) -> tuple[Attempt, ...]:
        """Every attempt, from the oldest to the newest."""
        return tuple(sorted(self._by_number.values(), key=lambda a: a.age))

    def older(self, number: int, than: int) -> bool:
        """Whether one attempt is older than another; one that is not known is newer than any."""
        a, b = self._by_number.get(number), self._by_number.get(than)
        if a is None or b is None:
            return number < than if a is b else b is None
        return a.age < b.age

    def ended(self, number: int) -> bool:
        """Whether it is another job's: no process adds to it, only a spool that is found."""
        attempt = self._by_number.get(number)
        return attempt is not None and attempt.job_id != self._job_id

    def processes(self, number: int) -> range:
        """The process indices of its job; empty if they are not known."""
        attempt = self._by_number.get(number)
        return range(0 if attempt is None else attempt.processes)

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

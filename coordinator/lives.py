"""The incarnations that the journal knows: whose they are, what they made, their attempts."""

from collections.abc import Callable, Iterable

from ..proto import podlog_pb2 as pb
from ..proto.errors import WireError
from .core.attempts import Attempt
from .journal import Journal

MOST = (1 << 63) - 1
"""The highest number that the journal can hold."""


class Lives:
    """Owned by the state thread; what writes belongs into a transaction.

    Args:
        journal: where everything goes.
        job_id: the present life of the job.
        started: when it was minted.
        processes: how many processes it has.

    Attributes:
        learned: told of all attempts when there is a new one.
        jobs: every life of the job that has an attempt; may be read by any thread.
    """

    def __init__(self, journal: Journal, job_id: str, started: float, processes: int = 0) -> None:
        self._journal = journal
        self._job_id = job_id
        self._started = started
        self._processes = processes
        self._known = {hello.incarnation: hello for hello in journal.processes()}
        self._made = journal.made()
        self._attempts = {(a.job_id, a.restores): a for a in journal.attempts()}
        self.jobs = frozenset({job_id, *(a.job_id for a in self._attempts.values())})
        self.learned: Callable[[Iterable[Attempt]], None] = lambda _: None

    def meet(self, hello: pb.Hello, *, here: bool) -> None:
        """Remembers an incarnation whose first record, or last word, is taken.

        Args:
            hello: of itself, or as its spool has it.
            here: it speaks for itself, so it belongs to the present job.
        """
        if not here and hello.incarnation in self._known:
            return
        kept = pb.Hello.FromString(hello.SerializeToString())
        if here:
            kept.job_id, kept.job_started = self._job_id, self._started
        if kept != self._known.get(hello.incarnation):
            self._known[hello.incarnation] = kept
            self._journal.add_process(kept)

    def made(self, incarnation: int, seq: int) -> None:
        """An incarnation has given numbers up to `seq`.

        Raises:
            WireError: a number that cannot be one.
        """
        if seq > MOST:
            raise WireError(f"{seq} is no sequence number")
        if seq > self._made.get(incarnation, 0):
            self._made[incarnation] = seq
            self._journal.set_made(incarnation, seq)

    def lacks(self, incarnation: int, stored: int) -> bool:
        """Whether it made records that are not here."""
        return self._made.get(incarnation, 0) > stored

    # ------------------------------------------------------------ attempts

    def attempt(self, restores: int) -> int:
        """The number of the present job's attempt after so many restores."""
        return self._number(self._job_id, restores, self._started, self._processes)

    def expected(self, restores: int) -> int:
        """Its number, or the one that it will get if it is the next; writes nothing."""
        found = self._attempts.get((self._job_id, restores))
        if found is not None:
            return found.number
        return max((a.number for a in self._attempts.values()), default=0) + 1

    def attempt_of(self, hello: pb.Hello, restores: int) -> int:
        """The number of the attempt to which records of an incarnation belong.

        One that never learned its job has an attempt of its own.
        """
        known = self._known.get(hello.incarnation, hello)
        job_id = hello.job_id or known.job_id
        if job_id == self._job_id:
            return self.attempt(restores)
        started = hello.job_started or known.job_started or hello.started
        key = job_id or f"incarnation-{hello.incarnation:x}"
        return self._number(key, restores, started, hello.process_count)

    def attempts(self) -> list[Attempt]:
        """All attempts."""
        return list(self._attempts.values())

    def ours(self) -> set[int]:
        """Numbers of the attempts of the present life of the job."""
        return self.of(self._job_id)

    def of(self, job_id: str) -> set[int]:
        """Numbers of the attempts of a life of the job."""
        return {a.number for a in self._attempts.values() if a.job_id == job_id}

    def others(self) -> set[int]:
        """Numbers of the attempts of all other lives."""
        return {a.number for a in self._attempts.values() if a.job_id != self._job_id}

    def age(self, attempt: int) -> tuple[float, str, int]:
        """What orders attempts from old to new."""
        found = next(a for a in self._attempts.values() if a.number == attempt)
        return found.age

    def _number(self, job_id: str, restores: int, started: float, processes: int) -> int:
        found = self._attempts.get((job_id, restores))
        if found is None:
            number = self._journal.add_attempt(job_id, restores, started, processes=processes)
            found = Attempt(number, job_id, started, restores, None, processes)
            self._attempts[job_id, restores] = found
            self.jobs |= {job_id}
            self.learned(self.attempts())
        return found.number

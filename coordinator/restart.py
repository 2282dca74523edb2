"""What a coordinator knows from the journal: at its start, and after an undone turn."""

import dataclasses
import json

from ..proto.records import Kind
from .core.clock import Clock
from .core.given import ROWS
from .core.member import Member, State
from .journal import Journal

_OF_ONE = ("since", "connected", "beat", "beat_at", "called", "heard")
"""What of a member is true of one coordinator only."""


class KnownRows:
    """Passes to the clock what was given out, each attempt once. Owned by the state thread."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._attempts: set[int] = set()

    def recall(self, attempt: int) -> None:
        """To be called before the clock takes the first record of an attempt from before."""
        if attempt in self._attempts:
            return
        self._attempts.add(attempt)
        for key, revision, processes in self._journal.given_rows(attempt, ROWS):
            kept = self._journal.records_of(key) if key.kind is Kind.HOST else ()
            self._clock.known(key, revision, processes, kept)


def recall_rows(
    journal: Journal, clock: Clock, known: KnownRows, ours: set[int], now: float
) -> None:
    """Passes to the clock what was given out, and records that are in no row yet.

    Rows of this job's own attempts, from before this coordinator was started
    again, go on where they were; what an earlier job left open, nobody adds to
    but its spools.

    Args:
        journal: the run's.
        clock: knows the attempts.
        known: recalls what was given out; of other jobs only what is needed.
        ours: attempts of the present job.
        now: monotonic seconds.
    """
    records = journal.open_records()
    for attempt in sorted(ours | {attempt for _, attempt in records}):
        known.recall(attempt)
    for record, attempt in records:
        clock.record(record, attempt, now)


def dump_member(member: Member) -> str:
    """A member as the journal keeps it: nothing that is true of one coordinator only."""
    kept = dataclasses.asdict(member) | {"state": member.state.value}
    return json.dumps({name: value for name, value in kept.items() if name not in _OF_ONE})


def read_member(text: str, now: float) -> Member:
    """The member in `text`; not connected since `now`."""
    values = json.loads(text)
    pairs = {name: tuple(values[name]) for name in ("failed", "found") if values.get(name)}
    return Member(**values | {"state": State(values["state"])} | pairs, since=now)

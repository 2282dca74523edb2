"""After a start on an old journal: what is open in it, and what was given out."""

from ..proto.records import Kind
from .core.clock import Clock
from .journal import Journal


def recall(journal: Journal, clock: Clock, job_id: str, now: float) -> bool:
    """Passes open records to the clock.

    Rows of this job's own attempts, from before this coordinator was started
    again, go on where they were; what an earlier job left open, killed with
    its coordinator, nobody adds to.

    Returns:
        Whether there is something of an earlier job, to be closed at once.
    """
    ours = {a.number for a in journal.attempts() if a.job_id == job_id}
    records = journal.open_records()
    for attempt in sorted(ours | {attempt for _, attempt in records}):
        for key, revision, processes in journal.given_rows(attempt):
            kept = journal.records_of(key) if key.kind is Kind.HOST else ()
            clock.known(key, revision, processes, kept)
    for record, attempt in records:
        clock.record(record, attempt, now)
    return any(attempt not in ours for _, attempt in records)

"""How a job ended whose coordinator has settled and is gone: its run's folder says it."""

from pathlib import Path

from ..proto.control import Ended
from ..proto.errors import JournalError


def kept_verdict(run: Path, job_id: str) -> Ended | None:
    """The final verdict on the life `job_id` of a job, once all of it has settled.

    Args:
        run: folder of its run.
        job_id: a run may have had others, whose verdicts say nothing of this one.

    Returns:
        The verdict; None: there is none, not yet, or the folder cannot be seen from here.
    """
    from ..coordinator.cli import look_at_folder

    try:
        found = look_at_folder(run).snapshot
    except JournalError:
        return None
    verdict = found.verdict
    if not (found.settled and verdict.final and found.job_id == job_id):
        return None
    return Ended(verdict.status, verdict.root_cause, found.rows)

"""How a job ended, as its command says it: a line for people, an exit status."""

import signal

from ..proto.control import Ended, Opened
from .terminal import tell

EXIT_STATUS = {
    "success": 0,
    "failure": 1,
    "unfinished": 1,
    "nan": 65,
    "lost": 70,
    "preempted": 75,
    "interrupted": 130,
}
"""Exit status of a job by its verdict; any other word counts as a failure."""

UNSETTLED = Ended("unfinished", "the coordinator did not settle; see coordinator.log")
"""How a job ended whose coordinator opened a run and has no last word."""


def exit_status(verdict: str) -> int:
    """The exit status of a job with that verdict."""
    return EXIT_STATUS.get(verdict, EXIT_STATUS["failure"])


def stopped_by(number: int) -> str:
    """The verdict of a job that this signal stopped, where the coordinator has none."""
    return "interrupted" if number == signal.SIGINT else "preempted"


def tell_end(opened: Opened | None, ended: Ended) -> None:
    """Says how the job ended, and where its run is if it opened one."""
    cause = f": {ended.root_cause}" if ended.root_cause else ""
    if opened is None:
        tell(f"{ended.status}{cause}; no Logger opened a run")
    else:
        where = f" in {opened.log_path}" if opened.log_path else ""
        tell(f"{ended.status}{cause}; run {opened.run_id}, {ended.rows} rows{where}")

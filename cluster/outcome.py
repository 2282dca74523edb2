"""How processes and jobs end, as commands say it: lines for people, an exit status."""

import dataclasses
from collections.abc import Sequence

from ..proto import words
from ..proto.control import ABORTED, Ended, FirstSign, Opened, ProcessExit
from ..proto.words import killed_by, signal_name
from .terminal import tell

EXIT_STATUS = {
    "success": 0,
    "failure": 1,
    "unfinished": 1,
    "nan": 65,
    "lost": 70,
    "preempted": 75,
    "abort": ABORTED,
    "interrupted": 130,
}
"""Exit status of a job by its verdict; any other word counts as a failure.

``abort`` is that of a process which ended itself since another one had failed
(``fate.abort_on_peer_failure``), and of its launcher if that knows no more.
"""

STARTED_AGAIN = frozenset({"failure", "lost", "unfinished", "abort"})
"""Verdicts after which ``--restarts`` starts a job again; the others were wanted."""

ABANDONED = frozenset({"failure", "lost", "interrupted", "abort"})
"""Verdicts after which processes that are still there have nothing more to do."""

UNSETTLED = Ended("unfinished", "the coordinator did not settle; see coordinator.log")
"""How a job ended whose coordinator opened a run and has no last word."""


def exit_status(verdict: str) -> int:
    """The exit status of a job with that verdict."""
    return EXIT_STATUS.get(verdict, EXIT_STATUS["failure"])


def tell_end(opened: Opened | None, ended: Ended) -> None:
    """Says how the job ended, and where its run is if it opened one."""
    cause = f": {ended.root_cause}" if ended.root_cause else ""
    if opened is None:
        tell(f"{ended.status}{cause}; no Logger opened a run")
    else:
        where = f" in {opened.log_path}" if opened.log_path else ""
        tell(f"{ended.status}{cause}; run {opened.run_id}, {ended.rows} rows{where}")


def last_word(ended: Ended, failed: Sequence[ProcessExit]) -> Ended:
    """The coordinator's verdict, unless a process failed after a success.

    Args:
        ended: what the coordinator said.
        failed: ends that are no success and that nobody asked for.
    """
    if failed and ended.status == "success":
        return dataclasses.replace(ended, status=status_of(failed[0]), root_cause=said(failed[0]))
    return ended


def status_of(exit_: ProcessExit) -> str:
    """The verdict on a job of which only that exit is known."""
    if exit_.signal is None:
        codes = {0: "success", EXIT_STATUS["abort"]: "abort"}
        return codes.get(exit_.code or 0, "failure")
    return killed_by(exit_.signal)


def said(exit_: ProcessExit) -> str:
    """How a process ended, for people."""
    if exit_.signal is None:
        note = " (another one had failed)" if status_of(exit_) == "abort" else ""
        return f"process {exit_.process} ended with exit code {exit_.code}{note}"
    note = " (out of memory)" if exit_.out_of_memory else ""
    return f"process {exit_.process} was ended by {signal_name(exit_.signal)}{note}"


def sign_said(sign: FirstSign) -> str:
    """The first sign that a job fails, for people."""
    return words.ended(sign.process, sign.host, sign.status, sign.reason)


def signed(sign: FirstSign) -> Ended:
    """The verdict on a job of which only that sign is known."""
    return Ended(sign.status, sign_said(sign))

"""One verdict from how each process ended."""

import signal as signals
from collections.abc import Sequence

from ...proto.records import Verdict
from .member import ENDED, Member, State

ORDER = ("nan", "interrupted", "preempted")
"""Statuses that processes agree on, from the one that counts most."""

HARD = frozenset({"failure", "lost", "unfinished"})
"""Ends that nobody agreed on: of these the first that was seen is the root cause."""


def normal(status: str) -> str:
    """A status as podlog names it: ``error`` reads as ``failure``, "" as ``unfinished``."""
    return {"error": "failure", "": "unfinished"}.get(status, status)


def verdict(members: Sequence[Member], *, signal: int | None = None, chapter: int = 1) -> Verdict:
    """The job's verdict; final once every process is done, lost or has said goodbye.

    Args:
        members: every process of the job.
        signal: what the launcher received, if it did: the first sign of all.
        chapter: number of the chapter.
    """
    waiting = tuple(m.process for m in members if m.state not in ENDED | {State.DONE})
    if waiting:
        return Verdict("unfinished", False, waiting, _cause(_first_sign(members)), chapter)

    if signal is not None and any(normal(m.status) != "success" for m in members):
        status = "interrupted" if signal == signals.SIGINT else "preempted"
        cause = f"the launcher received {signals.Signals(signal).name}"
        return Verdict(status, True, (), cause, chapter)

    found = _first_sign(members) or _agreed(members)
    if found is None:
        return Verdict("success", True, (), "", chapter)
    return Verdict(normal(found.status), True, (), _cause(found), chapter)


def _first_sign(members: Sequence[Member]) -> Member | None:
    """Whose hard end was seen first; those that the launcher ended do not count."""
    ended = [m for m in members if m.caused and m.state in ENDED | {State.DONE}]
    hard = [m for m in ended if normal(m.status) in HARD]
    return min(hard, key=lambda m: (m.sign is None, m.sign or 0, m.process), default=None)


def _agreed(members: Sequence[Member]) -> Member | None:
    """The member whose status counts most among those that are no success."""
    others = [m for m in members if normal(m.status) != "success"]
    places = {status: place for place, status in enumerate(ORDER)}
    return min(
        others,
        key=lambda m: (not m.caused, places.get(normal(m.status), len(ORDER)), m.process),
        default=None,
    )


def _cause(member: Member | None) -> str:
    if member is None:
        return ""
    host = f" on {member.host}" if member.host else ""
    return f"process {member.process}{host}: {normal(member.status)} ({member.reason})"

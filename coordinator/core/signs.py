"""What says that a process will not end well, and which of it only follows from something else."""

import dataclasses
import re
from collections.abc import Iterable, Sequence

from ...proto.words import killed_by, signal_name
from .member import Member, State

WINDOW_S = 2.0
"""A runtime error may be heard of so much earlier than what caused it."""

HARD = frozenset({"failure", "lost", "unfinished"})
"""Ends that nobody agreed on: of these the first that was seen is the root cause."""

BROKEN = HARD | {"interrupted", "preempted"}
"""Statuses of an end that others may suffer from."""

NEVER_ARRIVED = "it never arrived"
"""How the reason of a process that never joined begins."""

_RUNTIME = re.compile(
    r"gloo|nccl|coordination service|heartbeat|unavailable|deadline_exceeded", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True, slots=True)
class Sign:
    """Something says that a process will not end well.

    Attributes:
        process, host: whose it is.
        status, reason: what is known of it by now.
        hard: more than a broken stream, which may come back.
        runtime: an error of JAX's runtime or of a collective: what is wrong
            with another process can look like this.
        order: of receipt, over all processes.
        at: monotonic seconds of its receipt.
        caused: false if the launcher itself ended the process.
    """

    process: int
    host: str
    status: str
    reason: str
    hard: bool
    runtime: bool
    order: int
    at: float
    caused: bool = True


def normal(status: str) -> str:
    """A status as podlog names it: ``error`` reads as ``failure``, "" as ``unfinished``."""
    return {"error": "failure", "": "unfinished"}.get(status, status)


def is_runtime(text: str) -> bool:
    """Whether an error's text is one of JAX's runtime or of a collective."""
    return _RUNTIME.search(text) is not None


def read_exit(code: int | None, signal: int | None, out_of_memory: bool) -> tuple[str, str]:
    """The status of an exit without a report, and a line that says how it ended."""
    if signal is None:
        if code == 0:
            return "unfinished", "it ended without finalize"
        return "failure", f"it ended with exit code {code}"
    reason = f"it was ended by {signal_name(signal)}"
    return ("lost", f"{reason}: out of memory") if out_of_memory else (killed_by(signal), reason)


def worse(said: str, later: str) -> str:
    """What counts of a failure that a process told of and of what it reports after it."""
    return "failure" if normal(later) == "failure" else said


def sign_of(member: Member) -> Sign | None:
    """What is wrong with one process; None: nothing."""
    if member.sign is None:
        return None
    status, reason, runtime = _told(member)
    if status not in BROKEN | {"disconnected"}:
        return None
    return Sign(
        process=member.process,
        host=member.host,
        status=status,
        reason=reason,
        hard=status not in ("disconnected", "unfinished") and not _unread(member),
        runtime=runtime,
        order=member.sign,
        at=member.sign_at,
        caused=member.caused,
    )


def signs(members: Iterable[Member]) -> list[Sign]:
    """What is wrong, in order of receipt.

    A process that told of its failure while nobody else was to blame caused
    it, also if the launcher ended it after that. One that never came is what
    the others waited for, also if the launcher ended it, unless something else
    went wrong.
    """
    known = {m.process: m for m in members}
    own = [sign for m in known.values() if (sign := sign_of(m)) is not None]
    found, blamed = [], False
    for sign in sorted(own, key=lambda sign: sign.order):
        caused = sign.caused or (not blamed and _spoke(known[sign.process]))
        found.append(dataclasses.replace(sign, caused=caused))
        blamed |= caused and sign.hard and not sign.runtime
    absent = {p for p, m in known.items() if m.incarnation == 0 and not (m.found and m.caused)}
    others = [sign for sign in found if sign.process not in absent]
    if any(sign.caused and not sign.runtime for sign in others):
        return found
    first = min((sign.at for sign in others), default=None)
    return [_absent(sign, first) if sign.process in absent else sign for sign in found]


def consequences(found: Sequence[Sign]) -> frozenset[int]:
    """Processes whose sign only follows from another's.

    Args:
        found: in order of receipt.
    """
    caused = [sign for sign in found if sign.caused]
    first = caused[0].order if caused else None
    cause = min((sign.at for sign in caused if not sign.runtime), default=None)
    return frozenset(
        sign.process
        for sign in found
        if sign.runtime
        and (
            (first is not None and first < sign.order)
            or (cause is not None and cause <= sign.at + WINDOW_S)
        )
    )


def root(found: Sequence[Sign]) -> Sign | None:
    """The first sign that follows from no other; what the launcher did is none.

    Args:
        found: in order of receipt.
    """
    follow = consequences(found)
    caused = [sign for sign in found if sign.caused]
    return next((s for s in caused if s.process not in follow), caused[0] if caused else None)


def _absent(sign: Sign, first: float | None) -> Sign:
    """The sign of a process that never came; it was missing when the `first` other one came."""
    return dataclasses.replace(
        sign,
        status="lost",
        reason=NEVER_ARRIVED + ("" if first is None else ", and the others waited for it"),
        hard=True,
        runtime=False,
        at=sign.at if first is None else min(first, sign.at),
        caused=True,
    )


def _spoke(member: Member) -> bool:
    """Whether it said itself that it ends badly."""
    return member.failed is not None or member.state in (State.DONE, State.GOODBYE)


def _unread(member: Member) -> bool:
    """Whether it has ended, but what it said last is still to be read."""
    return member.found is not None and member.connected and not _spoke(member)


def _told(member: Member) -> tuple[str, str, bool]:
    """Status and reason as far as they are known, and whether it is a runtime error."""
    if member.failed is not None:
        status, reason = member.failed
        return normal(status), reason, is_runtime(reason)
    if member.state in (State.DONE, State.GOODBYE):
        return normal(member.status), member.reason, member.aborted or is_runtime(member.reason)
    if member.found is not None:
        return *member.found, member.aborted
    if member.state is State.LOST:
        return normal(member.status), member.reason, False
    return "disconnected", member.reason, False

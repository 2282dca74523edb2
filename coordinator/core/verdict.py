"""One verdict from how each process ended."""

from collections.abc import Mapping, Sequence

from ...proto.records import Verdict
from ...proto.words import ended, signal_name, stopped_by
from .member import OVER, Member
from .signs import HARD, NEVER_ARRIVED, Sign, consequences, normal, root, signs
from .stopmessages import Stopped

ORDER = ("nan", "interrupted", "preempted")
"""Statuses that processes agree on, from the one that counts most."""


def verdict(
    members: Sequence[Member],
    *,
    signal: int | None = None,
    stopped: Stopped | None = None,
    chapter: int = 1,
) -> Verdict:
    """The job's verdict; final once every process is done, lost or has said goodbye.

    Args:
        members: every process of the job.
        signal: what the launcher received, if it did: the first sign of all.
        stopped: the agreed stop that a success counts as, if there was one.
        chapter: number of the chapter.
    """
    found = signs(members)
    waiting = tuple(m.process for m in members if m.state not in OVER)
    if waiting:
        return Verdict("unfinished", False, waiting, _of_sign(root(found), found), chapter)

    statuses = {m.process: normal(m.status) for m in members}
    if signal is not None and any(status != "success" for status in statuses.values()):
        cause = f"the launcher received {signal_name(signal)}"
        return Verdict(stopped_by(signal), True, (), cause, chapter)

    status, cause = _hard(found) or _agreed(members, statuses, found, stopped) or _other(found)
    return Verdict(status, True, (), cause, chapter)


def _hard(found: Sequence[Sign]) -> tuple[str, str] | None:
    """What ended first that nobody agreed on; what only follows from another does not count."""
    follow = consequences(found)
    for sign in found:
        if sign.caused and sign.status in HARD and sign.process not in follow:
            return sign.status, _of_sign(sign, found)
    return None


def _agreed(
    members: Sequence[Member],
    statuses: Mapping[int, str],
    found: Sequence[Sign],
    stopped: Stopped | None,
) -> tuple[str, str] | None:
    """The status that counts most among those that are no success; None: nothing but success."""
    places = {status: place for place, status in enumerate(ORDER)}
    follow = consequences(found)
    bad = {sign.process for sign in found if not sign.caused or sign.process in follow}
    others = [m for m in members if statuses[m.process] != "success" and m.process not in bad]
    ranked = [(places.get(statuses[m.process], len(ORDER)), m.process, m) for m in others]
    _, _, member = min(ranked, key=lambda end: end[:2], default=(len(ORDER), 0, None))
    status = "" if member is None else statuses[member.process]
    if stopped and places[stopped.status] <= places.get(status, len(ORDER)):
        host = next((m.host for m in members if m.process == stopped.process), "")
        line = ended(stopped.process, host, stopped.status, stopped.text)
        return stopped.status, f"{line}; agreed stop step {stopped.step}"
    if member is not None:
        sign = next((s for s in found if s.process == member.process), None)
        own = ended(member.process, member.host, status, member.reason)
        return status, _of_sign(sign, found) or own
    return None if bad else ("success", "")


def _other(found: Sequence[Sign]) -> tuple[str, str]:
    """Nothing ended badly but what the launcher ended, or what followed from that."""
    sign = root(found) or found[0]
    return sign.status, _of_sign(sign, found)


def _of_sign(sign: Sign | None, found: Sequence[Sign]) -> str:
    """The root cause in a line, with what followed from it."""
    if sign is None:
        return ""
    follow = consequences(found) - {sign.process}
    text = ended(sign.process, sign.host, sign.status, sign.reason)
    if sign.reason.startswith(NEVER_ARRIVED):
        absent = [s for s in found if s is not sign and s.reason.startswith(NEVER_ARRIVED)]
        text += "".join(f"; process {s.process} neither" for s in absent)
    if follow:
        others = "1 other" if len(follow) == 1 else f"{len(follow)} others"
        text += f"; {others} failed as a consequence"
    return text

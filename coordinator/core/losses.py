"""Whom time makes lost."""

from collections.abc import Collection, Iterator

from .member import OVER, Member, State


def losses(members: Collection[Member], after: float) -> Iterator[tuple[Member, float]]:
    """Who is lost if it is not heard of again, and when; pure.

    One that never joined is waited for until all others are done.

    Args:
        members: every process of the job.
        after: seconds from when a process's connection broke, or from when the
            others were done.

    Yields:
        The process, and its moment in monotonic seconds.
    """
    for m in members:
        if m.state is State.DISCONNECTED or (m.state is State.DONE and not m.connected):
            yield m, m.since + after
    rest = [m for m in members if m.state is not State.JOINING]
    if rest and all(m.state in OVER for m in rest):
        last = max(m.since for m in rest)
        for m in members:
            if m.state is State.JOINING:
                yield m, max(last, m.since) + after

"""What one process goes through: from state to state, and what is held against it."""

from collections.abc import Iterable

from .member import ENDED, HERE, NO_BEAT, Change, Member, State
from .signs import HARD, NEVER_ARRIVED, normal, worse


class Transitions:
    """Changes members, and numbers their signs in order of receipt. Not thread-safe.

    `now` is monotonic seconds. What a process told of itself stays with it for
    its life, and so does an end that was seen from outside.

    Attributes:
        signs: how many there were.
        moved_at: when a member last came to where it is; whoever looks at that resets it.
    """

    def __init__(self) -> None:
        self.signs = 0
        self.moved_at: float | None = None

    def to(self, member: Member, state: State, reason: str, now: float) -> list[Change]:
        """It stands differently now, or for another reason."""
        before, member.state = member.state, state
        member.reason, member.since = reason, now
        if before is state:
            return []
        self.moved_at = now
        return [Change(member.process, before, state, reason)]

    def sign(self, member: Member, now: float) -> None:
        """Something is wrong with it; only the first time counts."""
        if member.sign is None:
            self.signs += 1
            member.sign, member.sign_at = self.signs, now

    def failed(self, member: Member, status: str, error: str, now: float) -> None:
        """It failed, and nothing that it says later makes that better."""
        said = normal(status or "failure")
        if member.failed is None or worse(member.failed[0], said) != member.failed[0]:
            member.failed = (said, error or "no error was told")
        if member.state in (State.DONE, State.LOST):
            member.status = member.reported = member.failed[0]
        self.sign(member, now)

    def report(self, member: Member, status: str, error: str, now: float) -> None:
        """It said how it ends; `error` counts where that is a failure."""
        if error and normal(status) in ("failure", "interrupted"):
            self.failed(member, status, error, now)
        if member.failed:
            status = worse(member.failed[0], status)
        member.status = member.reported = status
        if normal(status) in HARD | {"interrupted"}:
            self.sign(member, now)

    def gone(
        self, member: Member, now: float, silent: str = "it was not heard of any more"
    ) -> list[Change]:
        """It will say nothing more: what it reported counts, else how it was found.

        Args:
            member: who.
            now: monotonic seconds.
            silent: what is to be said if nobody saw its end.
        """
        member.connected = False
        if member.state is State.LOST and not member.found:
            return []
        status, reason = member.found or ("lost", silent if member.incarnation else NEVER_ARRIVED)
        if member.state is State.GOODBYE:
            if member.found and member.status == "unfinished":
                member.status, member.reason = status, reason
            return []
        if member.state is State.DONE:
            return self.to(member, State.GOODBYE, member.reason, now)
        self.sign(member, now)
        if member.failed:
            member.status = member.failed[0]
        elif member.found or not member.status:
            member.status = status
        return self.to(member, State.LOST, reason, now)

    def unwatched(self, members: Iterable[Member]) -> None:
        """They went with their launcher, but for those of whom it is known how they ended."""
        for member in members:
            if member.incarnation and member.state not in ENDED:
                member.found = member.found or ("lost", "its launcher is gone")

    def born(self, member: Member) -> None:
        """A new life of it began: nothing of the one before counts."""
        member.reported, member.failed, member.beat = "", None, NO_BEAT
        member.found, member.aborted, member.caused = None, False, True

    def back(self, member: Member, reason: str, now: float) -> list[Change]:
        """It is heard again: what only looked like its end is withdrawn.

        An end that was seen stands: what comes of that life is what it said before.
        """
        member.status, member.beat_at = "", None
        if member.failed is None and member.found is None:
            member.sign = None
        return self.to(member, State.RUNNING, reason, now)

    def forgive(self, member: Member) -> None:
        """What it told of its failure does not count from now on."""
        if member.failed is None:
            return
        if member.state in HERE:
            member.sign = None
        elif member.state is State.DONE:
            member.reason = member.failed[1]
        member.failed = None

"""Who belongs to the job: what happens to each process, and what time does.

A process whose pid is gone on the coordinator's own host is lost at once. How
one stands is drawn in `member`.
"""

import dataclasses
import signal as signals
from collections.abc import Iterable

from ...proto.config import TimingConfig
from .member import ENDED, Change, Member, State


class Members:
    """All processes of a job. Not thread-safe; the state thread owns it.

    Every event returns the changes it made. `now` is monotonic seconds.

    Args:
        expected: the job's process indices.
        timing: `lost_after_s` is used.
        now: when the coordinator started.
    """

    def __init__(self, expected: Iterable[int], timing: TimingConfig, now: float) -> None:
        self._lost_after = timing.lost_after_s
        self._members = {p: Member(p, State.JOINING, now) for p in sorted(expected)}
        self._signs = 0
        self._all_ended = False

    def recall(self, saved: Iterable[Member], now: float) -> None:
        """Goes on where a coordinator before this one was when it died.

        Who was connected is disconnected since now, and counts as the first to
        show a sign unless it comes back; one whose end was seen from outside
        will not.

        Args:
            saved: members as that coordinator had them.
            now: monotonic seconds.
        """
        for member in saved:
            again = dataclasses.replace(member, connected=False, since=now)
            self._members[member.process] = again
        self._signs = max((m.sign or 0 for m in self._members.values()), default=0)
        for _, member in sorted(self._members.items()):
            if member.state is State.RUNNING:
                self._sign(member)
                self._to(member, State.DISCONNECTED, "the coordinator was started again", now)
            if member.found and member.state not in ENDED:
                self._gone(member, now)

    def joined(self, process: int, host: str, incarnation: int, now: float) -> list[Change]:
        """A process said hello: for the first time, again, or in a new life."""
        member = self._members.setdefault(process, Member(process, State.JOINING, now))
        member.connected = True
        if incarnation == member.incarnation and member.state in (State.DONE, State.GOODBYE):
            return []
        if incarnation != member.incarnation:
            member.reported = ""
        member.host, member.incarnation = host, incarnation
        return self._back(member, "joined", now)

    def link(self, process: int, connected: bool, now: float) -> list[Change]:
        """A process's stream opened or broke."""
        member = self._members[process]
        if member.connected != connected:
            member.since = now
        member.connected = connected
        if not connected and (member.found or self._all_ended):
            return self._gone(member, now)
        if not connected and member.state is State.RUNNING:
            self._sign(member)
            return self._to(member, State.DISCONNECTED, "its connection broke", now)
        if connected and member.state in (State.DISCONNECTED, State.LOST):
            return self._back(member, "connected again", now)
        return []

    def finalized(self, process: int, status: str, now: float) -> list[Change]:
        """A process called ``finalize(status)``."""
        member = self._members[process]
        if member.state in ENDED:
            return []
        self._report(member, status)
        return self._to(member, State.DONE, f"finalize({status!r})", now)

    def active(self, process: int, now: float) -> list[Change]:
        """A record came from a process that was done: it runs again, in a new chapter."""
        member = self._members[process]
        if member.state is not State.DONE:
            return []
        return self._back(member, "logs again", now)

    def goodbye(self, process: int, status: str, now: float) -> list[Change]:
        """A process ended well.

        An empty status keeps what it reported last in this life, be it before
        an evaluation that followed its ``finalize``; else it is unfinished.
        """
        member = self._members[process]
        if member.state is State.GOODBYE:
            return []
        reason, kept = "goodbye", member.status or member.reported
        if not (status or kept):
            reason = "it ended without finalize"
        elif status:
            reason = "an exception ended it" if status == "failure" else f"ended: {status}"
        self._report(member, status or kept or "unfinished")
        return self._to(member, State.GOODBYE, reason, now)

    def pid_gone(self, process: int, now: float) -> list[Change]:
        """The process is no longer among those of the coordinator's own host."""
        member = self._members[process]
        member.found = member.found or ("lost", "its process is gone")
        return [] if member.connected else self._gone(member, now)

    def exited(
        self, process: int, code: int | None, signal: int | None, caused: bool, now: float
    ) -> list[Change]:
        """The launcher's word on a process; see `control.ProcessExit`.

        While its stream is open it counts as ended only once that is read.
        """
        member = self._members.setdefault(process, Member(process, State.JOINING, now))
        member.found = _read_exit(code, signal)
        member.caused = caused
        self._sign(member)
        return [] if member.connected else self._gone(member, now)

    def all_ended(self, now: float) -> list[Change]:
        """No process of the job is left (or nobody who would know is)."""
        self._all_ended = True
        silent = [m for m in self._members.values() if not m.connected]
        return [change for member in silent for change in self._gone(member, now)]

    def tick(self, now: float) -> list[Change]:
        """What time alone changes."""
        changes = []
        for member, deadline in self._deadlines():
            if deadline <= now:
                member.found = member.found or ("lost", f"unheard for {self._lost_after:g} s")
                changes += self._gone(member, now)
        return changes

    def next_deadline(self) -> float | None:
        """When `tick` may change something; None: never."""
        return min((deadline for _, deadline in self._deadlines()), default=None)

    def settled(self) -> bool:
        """Whether every process said goodbye or is lost."""
        return all(member.state in ENDED for member in self._members.values())

    def live(self) -> tuple[int, ...]:
        """Processes that are neither lost nor have said goodbye, not yet joined ones included."""
        return tuple(p for p, m in sorted(self._members.items()) if m.state not in ENDED)

    def member(self, process: int) -> Member:
        """One process; not to be changed.

        Raises:
            KeyError: it is not of the job.
        """
        return self._members[process]

    def incarnation(self, process: int) -> int:
        """The life of a process that was heard of last; 0: none."""
        member = self._members.get(process)
        return 0 if member is None else member.incarnation

    def running(self, process: int) -> bool:
        """Whether a process is connected and not done."""
        return self._members[process].state is State.RUNNING

    def all(self) -> tuple[Member, ...]:
        """Every process, by index."""
        return tuple(member for _, member in sorted(self._members.items()))

    def _deadlines(self) -> list[tuple[Member, float]]:
        """Whom time makes lost, and when; one that never joined only once the others are done."""
        gone = [
            (m, m.since + self._lost_after)
            for m in self._members.values()
            if m.state is State.DISCONNECTED or (m.state is State.DONE and not m.connected)
        ]
        rest = [m for m in self._members.values() if m.state is not State.JOINING]
        if rest and all(m.state in ENDED | {State.DONE} for m in rest):
            last = max(m.since for m in rest)
            gone += [
                (m, max(last, m.since) + self._lost_after)
                for m in self._members.values()
                if m.state is State.JOINING
            ]
        return gone

    def _gone(self, member: Member, now: float) -> list[Change]:
        """A process will say nothing more: what it reported counts, else how it was found."""
        member.connected = False
        status, reason = member.found or ("lost", "it was not heard of any more")
        if member.state is State.GOODBYE:
            if member.found and member.status == "unfinished":
                member.status = status
            return []
        if member.state is State.DONE:
            return self._to(member, State.GOODBYE, reason, now)
        self._sign(member)
        if member.found or not member.status:
            member.status = status
        return self._to(member, State.LOST, reason, now)

    def _back(self, member: Member, reason: str, now: float) -> list[Change]:
        """A process is there: what looked like its end is withdrawn."""
        member.status = ""
        member.sign = None
        member.found = None
        member.caused = True
        return self._to(member, State.RUNNING, reason, now)

    def _report(self, member: Member, status: str) -> None:
        member.status = member.reported = status
        if status in ("failure", "error"):
            self._sign(member)

    def _sign(self, member: Member) -> None:
        if member.sign is None:
            self._signs += 1
            member.sign = self._signs

    def _to(self, member: Member, state: State, reason: str, now: float) -> list[Change]:
        before, member.state = member.state, state
        member.reason, member.since = reason, now
        return [] if before is state else [Change(member.process, before, state, reason)]


def _read_exit(code: int | None, signal: int | None) -> tuple[str, str]:
    """The status of an exit without a report, and a line that says how it ended."""
    if signal is None:
        if code == 0:
            return "unfinished", "it ended without finalize"
        return "failure", f"it ended with exit code {code}"
    try:
        name = signals.Signals(signal).name
    except ValueError:
        name = f"signal {signal}"
    status = {signals.SIGTERM.value: "preempted", signals.SIGINT.value: "interrupted"}
    return status.get(signal, "lost"), f"it was ended by {name}"

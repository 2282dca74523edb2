"""Who belongs to the job: what happens to each process, and what time does.

A process whose pid is gone on the coordinator's own host is lost at once. How
one stands is drawn in `member`; what is wrong is judged in `signs`, who waits
for whom in `stalls`.
"""

import dataclasses
import signal as signals
from collections.abc import Iterable

from ...proto.config import TimingConfig
from ...proto.control import ABORTED
from . import stalls
from .beat import Beat
from .behind import Behind
from .losses import losses
from .member import ENDED, HERE, Change, Member, State
from .rest import Rest
from .signs import Sign, read_exit, root, signs
from .transitions import Transitions


class Members:
    """All processes of a job. Not thread-safe; the state thread owns it.

    Every event returns the changes it made. `now` is monotonic seconds.

    Args:
        expected: the job's process indices.
        timing: `lost_after_s`, `stall_after_s`, `heartbeat_s` and
            `row_timeout_s` are used.
        now: when the coordinator started.
    """

    def __init__(self, expected: Iterable[int], timing: TimingConfig, now: float) -> None:
        self._timing = timing
        self._members = {p: Member(p, State.JOINING, now) for p in sorted(expected)}
        self._do = Transitions()
        self._all_ended = False
        self._rest = Rest(stalls.OVERDUE * timing.heartbeat_s)
        self._behind = Behind(timing.row_timeout_s)
        self._stalls = stalls.Stalls(self._members, timing)

    def recall(self, saved: Iterable[Member], now: float) -> None:
        """Goes on where a coordinator before this one was when it died.

        Who was connected is disconnected since now, and counts as the first to
        show a sign unless it comes back; one whose end was seen from outside
        will not.

        Args:
            saved: members as that coordinator had them.
            now: monotonic seconds.
        """
        known = list(saved)
        ahead = max((m.sign_at - now for m in known), default=0.0)
        for member in known:
            at = member.sign_at - max(ahead, 0.0)
            again = dataclasses.replace(member, connected=False, since=now, sign_at=at)
            self._members[member.process] = again
        self._do.signs = max((m.sign or 0 for m in self._members.values()), default=0)
        self._do.moved_at = now
        for _, member in sorted(self._members.items()):
            if member.state in HERE:
                self._do.sign(member, now)
                self._do.to(member, State.DISCONNECTED, "the coordinator was started again", now)
            if member.found and member.state not in ENDED:
                self._do.gone(member, now)

    # ------------------------------------------------------------- streams

    def joined(self, process: int, host: str, incarnation: int, now: float) -> list[Change]:
        """A process said hello: for the first time, again, or in a new life."""
        member = self._members.setdefault(process, Member(process, State.JOINING, now))
        member.connected, member.heard = True, now
        if incarnation == member.incarnation and member.state in (State.DONE, State.GOODBYE):
            return []
        if incarnation != member.incarnation:
            self._do.born(member)
        member.host, member.incarnation = host, incarnation
        return self._do.back(member, "joined", now)

    def link(self, process: int, connected: bool, now: float) -> list[Change]:
        """A process's stream opened or broke."""
        member = self._members[process]
        if member.connected != connected:
            member.since = now
        member.connected = connected
        if not connected and (member.found or self._all_ended):
            return self._do.gone(member, now)
        if not connected and member.state in HERE:
            self._do.sign(member, now)
            return self._do.to(member, State.DISCONNECTED, "its connection broke", now)
        if connected and member.state in (State.DISCONNECTED, State.LOST):
            return self._do.back(member, "connected again", now)
        return []

    def heartbeat(self, process: int, beat: Beat, now: float) -> list[Change]:
        """A process said how far it is; one that was stalled may go on."""
        member = self._members[process]
        before = member.beat
        if stalls.busy(before) and not stalls.busy(beat):
            self._stalls.ready(before, now)
        member.called = stalls.called(member, beat, now)
        member.beat, member.beat_at, member.heard = beat, now, now
        if (beat.training, beat.entered) != (before.training, before.entered):
            self._do.moved_at = now
        if self._stalls.goes_on(member, now):
            return self._do.to(member, State.RUNNING, "it goes on", now)
        return []

    def spoke(self, process: int, now: float) -> None:
        """Any other message came from a process."""
        self._members[process].heard = now

    # ---------------------------------------------------------------- ends

    def failed(self, process: int, status: str, error: str, now: float) -> list[Change]:
        """A process told what ended its training; it is still there.

        Nothing that it says later in this life makes that better.
        """
        member = self._members[process]
        if member.state is not State.GOODBYE:
            self._do.failed(member, status, error, now)
        return []

    def missed(self, process: int, text: str, now: float) -> list[Change]:
        """A process could not stop where all agreed to: a failure, whatever it reports."""
        return self.failed(process, "failure", text, now)

    def finalized(self, process: int, status: str, now: float, error: str = "") -> list[Change]:
        """A process called ``finalize(status)``; `error` is what it was dealing with then."""
        member = self._members[process]
        if member.state in ENDED:
            return []
        self._do.report(member, status, error, now)
        return self._do.to(member, State.DONE, error or f"finalize({status!r})", now)

    def active(self, process: int, now: float) -> list[Change]:
        """A record came from a process that was done: it runs again, in a new chapter."""
        member = self._members[process]
        if member.state is not State.DONE:
            return []
        return self._do.back(member, "logs again", now)

    def next_chapter(self) -> None:
        """What processes told was counted in the chapter before: it counts no more."""
        for member in self._members.values():
            self._do.forgive(member)

    def goodbye(self, process: int, status: str, now: float, error: str = "") -> list[Change]:
        """A process ended well.

        An empty status keeps what it reported last in this life, be it before
        an evaluation that followed its ``finalize``; else it is unfinished.
        """
        member = self._members[process]
        if member.state is State.GOODBYE:
            return []
        reason = member.reason if member.state is State.DONE else "goodbye"
        kept = member.status or member.reported
        if not (status or kept or member.failed):
            reason = "it ended without finalize"
        elif status:
            reason = "an exception ended it" if status == "failure" else f"ended: {status}"
        self._do.report(member, status or kept or "unfinished", error, now)
        return self._do.to(member, State.GOODBYE, reason, now)

    def pid_gone(self, process: int, now: float) -> list[Change]:
        """The process is no longer among those of the coordinator's own host."""
        member = self._members[process]
        member.found = member.found or ("lost", "its process is gone")
        return [] if member.connected else self._do.gone(member, now)

    def exited(
        self,
        process: int,
        code: int | None,
        signal: int | None,
        caused: bool,
        now: float,
        out_of_memory: bool = False,
    ) -> list[Change]:
        """The launcher's word on a process; see `control.ProcessExit`.

        While its stream is open it counts as ended only once that is read.
        """
        member = self._members.setdefault(process, Member(process, State.JOINING, now))
        member.found = read_exit(code, signal, out_of_memory)
        member.aborted = signal == signals.SIGABRT or code == ABORTED
        member.caused = caused
        self._do.sign(member, now)
        return [] if member.connected else self._do.gone(member, now)

    def all_ended(self, now: float, *, unwatched: bool = False) -> list[Change]:
        """No process of the job is left; `unwatched`: they went with their launcher."""
        self._all_ended = True
        silent = [m for m in self._members.values() if not m.connected]
        if unwatched:
            self._do.unwatched(silent)
        return [change for member in silent for change in self._do.gone(member, now)]

    # ---------------------------------------------------------------- time

    def away(self, now: float) -> None:
        """Nobody looked for a while: what processes have sent meanwhile is to be read first."""
        self._rest.begin(now)

    def tick(self, now: float) -> list[Change]:
        """What time alone changes."""
        if now < self._rest.until:
            return []
        changes, after = [], self._timing.lost_after_s
        for member, deadline in list(losses(self._members.values(), after)):
            if deadline <= now:
                changes += self._do.gone(member, now, f"unheard for {after:g} s")
        changes += self._stalls.tick(self.first_sign, now)
        self._look()
        self._behind.tick(now)
        return changes

    def behind(self, now: float) -> list[tuple[int, str]]:
        """Processes that are newly behind all others, each with a line for people."""
        self._look()
        if now >= self._rest.until:
            self._behind.tick(now)
        return self._behind.take()

    def next_deadline(self) -> float | None:
        """When `tick` may change something; None: never."""
        self._look()
        after = self._timing.lost_after_s
        found = [deadline for _, deadline in losses(self._members.values(), after)]
        others = (self._stalls.next_deadline(), self._behind.next_deadline())
        found += [other for other in others if other is not None]
        return max(min(found), self._rest.until) if found else None

    # ------------------------------------------------------------- answers

    def first_sign(self) -> Sign | None:
        """The present root cause of a job that will not end well; None: nothing is wrong.

        A process that ended well but for its ``finalize`` keeps nobody from going on.
        """
        return root(signs(m for m in self._members.values() if not _forgot(m)))

    def stalled(self) -> tuple[int, ...]:
        """Processes whose training thread is silent for too long."""
        return tuple(m.process for m in self._stalls.stalled())

    def culprit(self) -> int | None:
        """Which stalled process the others wait for.

        None: nobody is stalled, or all that are wait for the one of `first_sign`.
        """
        return self._stalls.culprit(self.first_sign())

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
        """Whether a process is connected and not done; it may be stalled."""
        return self._members[process].state in HERE

    def all(self) -> tuple[Member, ...]:
        """Every process, by index."""
        return tuple(member for _, member in sorted(self._members.items()))

    def _look(self) -> None:
        """Who lacks behind since they moved: of many moves at a time the last one counts."""
        if self._do.moved_at is not None:
            self._behind.look(self._members.values(), self._do.moved_at)
            self._do.moved_at = None


def _forgot(member: Member) -> bool:
    return member.state in ENDED and member.status == "unfinished"

"""How the job stands and ends: members, chapters, the verdict."""

import logging
from collections.abc import Sequence

from ..proto.config import TimingConfig
from ..proto.control import ProcessExit, Setup
from ..proto.records import Event, Verdict
from .core.clock import Clock
from .core.members import Change, Members, State
from .core.verdict import verdict
from .intake import Intake
from .journal import Journal
from .pids import Pids
from .streams import Stream

_log = logging.getLogger(__name__)

PIDS_S = 0.5


class Fate:
    """Follows every process of the job. Owned by the state thread.

    Args:
        setup: how many processes there are.
        timing: when a silent one is lost.
        journal, intake: where verdicts and events go.
        clock: told whom rows need not wait for.
        now: monotonic seconds.
    """

    def __init__(
        self,
        setup: Setup,
        timing: TimingConfig,
        journal: Journal,
        intake: Intake,
        clock: Clock,
        now: float,
    ) -> None:
        self._members = Members(range(setup.process_count), timing, now)
        self._journal = journal
        self._intake = intake
        self._clock = clock
        self._pids = Pids()
        self._pids_at = now
        self._signal: int | None = None
        self._launched = setup.launched
        last = journal.verdict()
        self._chapter = 1 if last is None else last.chapter + 1
        self._given: Verdict | None = None
        clock.expect(range(setup.process_count), now)

    # -------------------------------------------------------------- events

    def joined(self, stream: Stream, now: float) -> None:
        """A process is connected."""
        hello = stream.hello
        changes = self._members.joined(hello.process, hello.host, hello.incarnation, now)
        changes += self._members.link(hello.process, True, now)
        if not self._launched:  # a launcher tells how each process ended, and it knows better
            self._pids.joined(hello)
        if self._members.running(hello.process):
            self._next_chapter()
            self._clock.join(hello.process, now, incarnation=hello.incarnation)
            self._clock.link(hello.process, True, 0, now)
        self._apply(changes, now)

    def left(self, stream: Stream, backlog: int, now: float) -> None:
        """A process's stream has ended."""
        process = stream.hello.process
        self._clock.link(process, False, backlog, now)
        self._apply(self._members.link(process, False, now), now)

    def finalized(self, stream: Stream, status: str, now: float) -> None:
        """A process is done; it may log again until its goodbye."""
        self._apply(self._members.finalized(stream.hello.process, status, now), now)

    def goodbye(self, stream: Stream, status: str, now: float) -> None:
        """A process has ended well."""
        self._apply(self._members.goodbye(stream.hello.process, status, now), now)

    def active(self, process: int, now: float) -> None:
        """A process made a record: after a final verdict that opens the next chapter."""
        changes = self._members.active(process, now)
        if not changes:
            return
        self._clock.join(process, now)
        self._next_chapter()
        self._apply(changes, now)

    def exited(self, notice: ProcessExit, now: float) -> None:
        """The launcher's word on one process."""
        self._signal = notice.received if self._signal is None else self._signal
        self._apply(
            self._members.exited(notice.process, notice.code, notice.signal, notice.caused, now),
            now,
        )

    def all_ended(self, signal: int | None, now: float) -> None:
        """Nobody is left, or nobody who would know."""
        self._signal = signal if self._signal is None else self._signal
        self._apply(self._members.all_ended(signal, now), now)

    def tick(self, connected: set[int], now: float) -> None:
        """What time changes, and which processes of this machine are gone."""
        self._apply(self._members.tick(now), now)
        if now >= self._pids_at:
            self._pids_at = now + PIDS_S
            for process in self._pids.gone(connected):
                self._apply(self._members.pid_gone(process, now), now)

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""
        deadline = self._members.next_deadline()
        if not self._pids.watching():
            return deadline
        return self._pids_at if deadline is None else min(deadline, self._pids_at)

    # -------------------------------------------------------------- answers

    def settled(self) -> bool:
        """Whether every process said goodbye or is lost."""
        return self._members.settled()

    def verdict(self) -> Verdict:
        """The chapter's verdict: the final one once it was given, else as things stand."""
        if self._given is not None:
            return self._given
        return verdict(self._members.all(), signal=self._signal, chapter=self._chapter)

    @property
    def given(self) -> Verdict | None:
        """The chapter's final verdict, if it was given."""
        return self._given

    def give(self) -> Verdict | None:
        """Commits the chapter's final verdict; None if there is none, or it was given."""
        if self._given is not None:
            return None
        found = self.verdict()
        if not found.final:
            return None
        self._given = found
        self._journal.set_verdict(found)
        return found

    def _next_chapter(self) -> None:
        """Opens a chapter if the last one has its final verdict."""
        if self._given is not None:
            self._given = None
            self._chapter += 1

    def _apply(self, changes: Sequence[Change], now: float) -> None:
        for change in changes:
            _log.info("process %d: %s (%s)", change.process, change.after.value, change.reason)
            match change.after:
                case State.LOST:
                    self._clock.leave(change.process, now, lost=True)
                    text = f"process {change.process} is lost: {change.reason}"
                    self._intake.event(Event("lost", text), process=change.process)
                case State.GOODBYE:
                    self._clock.leave(change.process, now)

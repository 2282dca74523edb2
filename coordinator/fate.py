"""How the job stands and ends: members, chapters, the verdict."""

import logging
from collections.abc import Callable, Sequence

from ..proto.config import TimingConfig
from ..proto.control import ProcessExit, Setup
from ..proto.records import Event, Verdict
from .core.clock import Clock
from .core.member import ENDED, Change, State
from .core.members import Members
from .core.verdict import verdict
from .journal import Journal
from .pids import Pids
from .replay import Replay
from .restart import dump_member, open_chapter, read_member, recall_chapter
from .streams import Stream

_log = logging.getLogger(__name__)

PIDS_S = 0.5
_KEPT = ENDED | {State.DONE}
"""States that are kept in the journal even of a process that never sent anything."""


class Fate:
    """Follows every process of the job. Owned by the state thread.

    What is known of members is in the journal after each transaction, except
    of those that have only said hello.

    Args:
        setup: how many processes there are.
        timing: when a silent one is lost.
        journal: where members and verdicts go, and are recalled from.
        clock: told whom rows need not wait for.
        replay: asked to look for the spools of those that are gone.
        on_event: takes an event about a process.
        now: monotonic seconds.
    """

    def __init__(
        self,
        setup: Setup,
        timing: TimingConfig,
        journal: Journal,
        clock: Clock,
        replay: Replay,
        on_event: Callable[[Event, int], None],
        now: float,
    ) -> None:
        self._job_id = setup.job_id
        self._launched = setup.launched
        self._members = Members(range(setup.process_count), timing, now)
        self._journal = journal
        self._clock = clock
        self._replay = replay
        self._on_event = on_event
        self._pids = Pids()
        self._pids_at = now
        self._signal: int | None = None
        self._touched: set[int] = set()
        self._leaving: list[tuple[int, bool, int]] = []
        clock.expect(range(setup.process_count), now)
        self._kept = journal.members(setup.job_id)
        self._members.recall([read_member(text, now) for text in self._kept.values()], now)
        for member in self._members.all():
            if member.state in ENDED:
                clock.leave(member.process, now, lost=member.state is State.LOST)
        self._chapter, self._given = recall_chapter(journal, setup.job_id)

    # -------------------------------------------------------------- events

    def joined(self, stream: Stream, now: float) -> None:
        """A process is connected."""
        hello = stream.hello
        before = self._members.incarnation(hello.process)
        changes = self._members.joined(hello.process, hello.host, hello.incarnation, now)
        changes += self._members.link(hello.process, True, now)
        if not self._launched:  # a launcher tells how each process ended, and it knows better
            self._pids.joined(hello)
        if before != hello.incarnation:
            self._replay.arrived(now)
        if self._members.running(hello.process):
            self._next_chapter()
            self._clock.join(hello.process, now, incarnation=hello.incarnation)
            self._clock.link(hello.process, True, 0, now)
            self._leaving = [left for left in self._leaving if left[0] != hello.process]
        self._apply(changes, now)

    def left(self, stream: Stream, backlog: int, now: float) -> None:
        """A process's stream has ended."""
        process = stream.hello.process
        self._clock.link(process, False, backlog, now)
        self._apply(self._members.link(process, False, now), now)

    def met(self, stream: Stream) -> None:
        """A process's first record or last word was taken: it is remembered from now on."""
        self._kept.setdefault(stream.hello.process, "")
        self._touched.add(stream.hello.process)

    def finalized(self, stream: Stream, status: str, now: float) -> None:
        """A process is done; it may log again until its goodbye."""
        self._touched.add(stream.hello.process)
        self._apply(self._members.finalized(stream.hello.process, status, now), now)

    def goodbye(self, stream: Stream, status: str, now: float) -> None:
        """A process has ended well."""
        self._touched.add(stream.hello.process)
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
        self._touched.add(notice.process)
        self._apply(
            self._members.exited(notice.process, notice.code, notice.signal, notice.caused, now),
            now,
        )

    def all_ended(self, signal: int | None, now: float) -> None:
        """Nobody is left, or nobody who would know."""
        self._signal = signal if self._signal is None else self._signal
        self._apply(self._members.all_ended(now), now)

    def tick(self, connected: set[int], now: float) -> None:
        """What time changes, and which processes of this machine are gone."""
        self._apply(self._members.tick(now), now)
        if now >= self._pids_at:
            self._pids_at = now + PIDS_S
            for process in self._pids.gone(connected):
                self._touched.add(process)
                self._apply(self._members.pid_gone(process, now), now)
        self._let_go(now)

    def remember(self) -> None:
        """The last of a transaction: the journal has what is known of members."""
        for process in self._touched:
            member = self._members.member(process)
            if process in self._kept or member.state in _KEPT:
                text = dump_member(member)
                if text != self._kept.get(process):
                    self._kept[process] = text
                    self._journal.set_member(self._job_id, process, text)
        self._touched.clear()

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
        self._journal.set_verdict(found, self._job_id)
        return found

    def _next_chapter(self) -> None:
        """Opens a chapter if the last one has its final verdict."""
        if self._given is not None:
            self._given = None
            self._chapter += 1
            open_chapter(self._journal, self._job_id, self._chapter)

    def _apply(self, changes: Sequence[Change], now: float) -> None:
        for change in changes:
            process = change.process
            self._touched.add(process)
            _log.info("process %d: %s (%s)", process, change.after.value, change.reason)
            match change.after:
                case State.LOST:
                    self._leaving.append((process, True, self._replay.scan()))
                    text = f"process {process} is lost: {change.reason}"
                    self._on_event(Event("lost", text), process)
                case State.GOODBYE:
                    lacks = self._replay.lacks(self._members.incarnation(process))
                    self._leaving.append((process, False, self._replay.scan() if lacks else 0))
        self._let_go(now)

    def _let_go(self, now: float) -> None:
        """Rows stop waiting for those that are gone once their spools have been read."""
        left = self._leaving
        self._leaving = [leaving for leaving in left if leaving[2] > self._replay.through]
        for process, lost, scan in left:
            if scan <= self._replay.through:
                self._clock.leave(process, now, lost=lost)

"""How the job stands and ends: members, their stalls and stops, the verdict."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.config import TimingConfig
from ..proto.control import ProcessExit, Setup
from ..proto.records import Event, Verdict
from .chapters import Chapters
from .core.beat import Beat
from .core.clock import Clock
from .core.member import ENDED, OVER, Change, State
from .core.members import Members
from .core.verdict import verdict
from .firstsigns import FirstSigns
from .journal import Journal
from .known import Known
from .leaving import Leaving
from .messages import failed_event, one_line, one_status
from .pids import Pids
from .replay import Replay
from .stalling import Stalling
from .stopping import Stopping
from .streams import Outbox, Stream

_log = logging.getLogger(__name__)

PIDS_S = 0.5
_A_SECOND = 4000
"""Processes that are looked at: all of a large job less often than once a turn."""


class Fate:
    """Follows every process of the job. Owned by the state thread.

    What is known of members is in the journal after each transaction, except
    of those that have only said hello.

    Args:
        setup: how many processes there are.
        timing: when a silent one is lost.
        folder: of the run; None: nothing is written beside the journal.
        journal: where members and what they agree on go, and are recalled from.
        clock: told whom rows need not wait for.
        replay: asked to look for the spools of those that are gone.
        outbox: takes what workers are told.
        signs: told of the first sign that the job fails.
        chapters: where verdicts go.
        on_event: takes an event about a process.
        now: monotonic seconds.

    Attributes:
        members: all processes; not to be changed from outside.
        stopping: what they agree on.
        chapters: the verdicts.
    """

    def __init__(
        self,
        setup: Setup,
        timing: TimingConfig,
        folder: Path | None,
        *,
        journal: Journal,
        clock: Clock,
        replay: Replay,
        outbox: Outbox,
        signs: FirstSigns,
        chapters: Chapters,
        on_event: Callable[[Event, int], None],
        now: float,
    ) -> None:
        self.chapters = chapters
        self.members = Members(range(setup.process_count), timing, now)
        self._launched = setup.launched
        self._clock = clock
        self._replay = replay
        self._signs = signs
        self._on_event = on_event
        self._pids = Pids()
        self._pids_at = now
        self._signal: int | None = None
        self._pause = setup.process_count / _A_SECOND
        self._look_at = now
        self._deadline: float | None = None
        self._known = Known(journal, setup.job_id)
        self._leaving = Leaving(clock, replay)
        clock.expect(range(setup.process_count), now)
        self.members.recall(self._known.members(now), now)
        self._leaving.recall(self.members.all(), now)
        self._unfinished = {m.process for m in self.members.all() if m.state not in OVER}
        self._stalling = Stalling(self.members, outbox, on_event, folder, journal, setup.job_id)
        self.stopping = Stopping(
            journal,
            setup.job_id,
            timing.stop_timeout_s,
            outbox=outbox,
            unfinished=lambda: self._unfinished,
            on_event=on_event,
            missed=self._missed,
        )
        signs.recall(outbox, now)

    # -------------------------------------------------------------- events

    def joined(self, stream: Stream, now: float) -> None:
        """A process is connected."""
        hello = stream.hello
        before = self.members.incarnation(hello.process)
        changes = self.members.joined(hello.process, hello.host, hello.incarnation, now)
        changes += self.members.link(hello.process, True, now)
        if not self._launched:  # a launcher tells how each process ended, and it knows better
            self._pids.joined(hello)
        if before != hello.incarnation:
            self._replay.arrived(now)
        if self.members.running(hello.process):
            self._next_chapter()
            self._clock.join(hello.process, now, incarnation=hello.incarnation)
            self._clock.link(hello.process, True, 0, now)
            self._leaving.back(hello.process)
        self._apply(changes, now)
        self._signs.joined(stream)
        self.stopping.joined(hello.process, hello.incarnation, now)

    def left(self, stream: Stream, backlog: int, now: float) -> None:
        """A process's stream has ended."""
        process = stream.hello.process
        self._clock.link(process, False, backlog, now)
        self._apply(self.members.link(process, False, now), now)
        self.stopping.left(process, now)

    def met(self, stream: Stream) -> None:
        """A process's first record or last word was taken: it is remembered from now on."""
        self._known.met(stream.hello.process)

    def heartbeat(self, stream: Stream, beat: Beat, now: float) -> None:
        """A process says where it is."""
        process = stream.hello.process
        self._apply(self.members.heartbeat(process, beat, now), now)
        self._stalling.heard(process)
        self.stopping.training(stream, beat.training, now)

    def stacks(self, stream: Stream, message: pb.Stacks) -> None:
        """A process that stalls says what it is at."""
        self._stalling.took(stream, message)

    def failed(self, stream: Stream, message: pb.Failed, now: float) -> None:
        """Something ended a process's training; its last word is still to come."""
        process, error = stream.hello.process, one_line(message.error)
        member = self.members.member(process)
        if member.failed is None or member.failed[1] != error:  # it is said on each new stream
            self._on_event(failed_event(message, stream), process)
        if member.state is State.DONE and self.chapters.succeeded:
            self._next_chapter()
        self._known.touch(process)
        self._apply(self.members.failed(process, message.status, error, now), now)

    def finalized(self, stream: Stream, message: pb.Finalize, now: float) -> None:
        """A process is done; it may log again until its goodbye."""
        process, error = stream.hello.process, one_line(message.error)
        self._known.touch(process)
        self._apply(self.members.finalized(process, one_status(message.status), now, error), now)

    def goodbye(self, stream: Stream, message: pb.Goodbye, now: float) -> None:
        """A process has ended well."""
        process, error = stream.hello.process, one_line(message.error)
        self._known.touch(process)
        self._apply(self.members.goodbye(process, one_status(message.status), now, error), now)

    def active(self, process: int, now: float) -> None:
        """A process made a record: after a final verdict that opens the next chapter."""
        changes = self.members.active(process, now)
        if not changes:
            return
        self._clock.join(process, now)
        self._next_chapter()
        self._apply(changes, now)

    def signalled(self, number: int | None) -> None:
        """The launcher received a signal, the first sign of all; None: none so far."""
        self._signal = self._signal or number

    def exited(self, notice: ProcessExit, now: float) -> None:
        """The launcher's word on one process."""
        self._known.touch(notice.process)
        changes = self.members.exited(
            notice.process, notice.code, notice.signal, notice.caused, now, notice.out_of_memory
        )
        self._apply(changes, now)

    def all_ended(self, now: float, *, unwatched: bool) -> None:
        """Nobody is left; `unwatched`: nor is the launcher, who would know how they ended."""
        self._apply(self.members.all_ended(now, unwatched=unwatched), now)

    def tick(self, connected: set[int], now: float) -> None:
        """What time changes, and which processes of this machine are gone."""
        if now >= self._pids_at:
            self._pids_at = now + PIDS_S
            for process in self._pids.gone(connected):
                self._known.touch(process)
                self._apply(self.members.pid_gone(process, now), now)
        self._leaving.let_go(now)
        if now >= self._look_at or self.settled():
            self._look(now)
            self._look_at = now + self._pause
        elif self._deadline is None or self._deadline > self._look_at:
            self._deadline = self._look_at

    def remember(self) -> None:
        """The last of a transaction: the journal has what is known of members, and agreed."""
        self._known.remember(self.members)
        self.stopping.remember()

    def committed(self) -> None:
        """Writes what lies beside the journal."""
        self._stalling.committed()

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""
        found = [self._deadline, self._pids_at if self._pids.watching() else None]
        return min((d for d in found if d is not None), default=None)

    # -------------------------------------------------------------- answers

    def settled(self) -> bool:
        """Whether every process said goodbye or is lost."""
        return self.members.settled()

    def verdict(self) -> Verdict:
        """The chapter's verdict: the final one once it was given, else as things stand."""
        if self.chapters.given is not None:
            return self.chapters.given
        return verdict(
            self.members.all(),
            signal=self._signal,
            stopped=self.stopping.agreement.stopped,
            chapter=self.chapters.number,
        )

    def announce(self) -> None:
        """Fixes the chapter's verdict, if it is final: tools hear it as an event."""
        found = self.verdict()
        if found.final:
            self.chapters.announce(found)

    def give(self) -> Verdict | None:
        """Commits the chapter's final verdict; None if there is none, or it was given."""
        return self.chapters.give(self.verdict())

    def _next_chapter(self) -> None:
        number = self.chapters.number
        self.chapters.next()
        if number != self.chapters.number:
            self.members.next_chapter()
            for member in self.members.all():
                self._known.touch(member.process)

    def _look(self, now: float) -> None:
        """Looks at all processes together: time changes them, and the first sign is told."""
        self._apply(self.members.tick(now), now)
        self._stalling.behind(now)
        self.stopping.tick(now)
        sign = self.members.first_sign()
        told = sign is not None and (sign.hard or sign.process in self._known)
        self._signs.advance(sign if told else None, now)
        parts = (self.members, self.stopping, self._signs)
        found = [part.next_deadline() for part in parts]
        deadline = min((d for d in found if d is not None), default=None)
        self._deadline = None if deadline is None else max(deadline, now + self._pause)

    def _missed(self, process: int, text: str, now: float) -> None:
        self._known.touch(process)
        self._apply(self.members.missed(process, text, now), now)

    def _apply(self, changes: Sequence[Change], now: float) -> None:
        for change in changes:
            over = change.after in OVER
            (self._unfinished.discard if over else self._unfinished.add)(change.process)
        self._stalling.changed(changes)
        for change in changes:
            process = change.process
            self._known.touch(process)
            _log.info("process %d: %s (%s)", process, change.after.value, change.reason)
            if change.after is State.LOST:
                text = f"process {process} is lost: {change.reason}"
                self._on_event(Event("lost", text), process)
            if change.after in ENDED:
                incarnation = self.members.incarnation(process)
                self._leaving.add(process, incarnation, lost=change.after is State.LOST)
            if change.after in OVER:
                self.stopping.ended(process, now)
        self._leaving.let_go(now)

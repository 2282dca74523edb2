"""An open run: what each message of a worker does to it.

Owned by the state thread. Everything but `committed` and `close` happens
within a transaction of the journal; `committed` follows it and is the only
thing that tells anybody.
"""

import time

from ..proto import podlog_pb2 as pb
from ..proto.control import AllEnded, Ended, FirstSign, ProcessExit, Setup
from ..proto.errors import UnavailableError
from ..proto.records import Event
from .chapters import Chapters
from .core.member import HERE
from .core.members import Members
from .core.rest import Rest
from .core.slow import Slowness
from .core.stop import StopAgreement
from .ending import Ending
from .fate import Fate
from .feeds import Feeds, Post
from .firstsigns import FirstSigns
from .hearing import Hearing
from .intake import Intake
from .lease import Lease
from .lives import Lives
from .messages import verdict_message
from .opening import OpenRun
from .present import Present
from .replay import Replay
from .restart import KnownRows, recall_rows
from .rows import Rows
from .runners import Runner
from .skews import Skews
from .standstill import Standstill
from .streams import Outbox, Stream

READ_S = 2.0
"""After the coordinator stood still: what lay in its connections is read by then."""


class Run:
    """The state of an open run.

    Args:
        opened: folder, journal, config.
        setup: the job.
        post: hands a call to the state thread.
        local: ``finalize`` finalizes the tools, as there is but one process.

    Attributes:
        attempt: the number of this job's first attempt.
        over: everything is settled.
        feeds, rows, fate: how tools, rows and processes stand, to be looked at.
        slow: which processes are.
    """

    def __init__(self, opened: OpenRun, setup: Setup, post: Post, *, local: bool) -> None:
        self.opened = opened
        self.over = False
        self._setup = setup
        self._local = local
        self._timing = opened.config.timing
        self._journal = opened.journal
        self._postprocess = False
        self._lease = Lease(opened, self._timing.takeover_s)
        self.feeds = Feeds(self._journal, post, self.event, self._timing.tools_timeout_s)
        if opened.log_path is not None:
            name = f"{opened.config.cmd_logging_name}.log"
            self.feeds.open_log(opened.log_path / name, window=0.0 if local else 1.0)
        self._replay = Replay(opened, post, self._timing.row_timeout_s)
        self._ending = Ending(self._replay, self.feeds, self._timing, local=local)
        self._signs = FirstSigns(self._journal, setup.job_id, self.event)
        self.slow = Slowness()
        self._standstill = Standstill()
        self._rest = Rest(READ_S)
        try:
            self.recall(time.monotonic())
            self.fate.chapters.begin()
            self.attempt = self._lives.attempt(0)
            if self._journal.cut:
                self.event(Event("journal", self._journal.cut))
        except BaseException:
            self.close(1.0)
            raise

    def recall(self, now: float) -> None:
        """Builds what is in memory from the journal: at start, and after an undone turn."""
        self._outbox = Outbox()
        setup = self._setup
        self._lives = Lives(self._journal, setup.job_id, setup.started, setup.process_count)
        skews = Skews(self._journal, self.event)
        self._intake = Intake(self._journal, self._lives, skews)
        self.rows = Rows(self.opened.config, self._journal, self._intake, self._lives, self._outbox)
        self.rows.recall(now)
        self.rows.want_postprocess(self._postprocess)
        clock = self.rows.clock
        self._lives.learned = lambda attempts: clock.attempts(attempts, setup.job_id)
        self._lives.learned(self._lives.attempts())
        known = KnownRows(self._journal, clock)
        self._replay.recall(self._intake, self._lives, clock, known)
        recall_rows(self._journal, clock, known, self._lives.ours(), now)
        self.fate = Fate(
            setup,
            self._timing,
            self.opened.log_path,
            journal=self._journal,
            clock=clock,
            replay=self._replay,
            outbox=self._outbox,
            signs=self._signs,
            chapters=Chapters(self._journal, self._intake.notes, self._lives, setup.job_id),
            on_event=self.event,
            now=now,
        )
        self._ending.recall(self.fate, self.rows, self._intake, now)
        self.feeds.recall()
        self._present = Present(
            self.opened,
            setup,
            self._outbox,
            self._lives,
            self.rows,
            skews,
            self.fate,
            self._replay,
        )
        self._hearing = Hearing(
            self.opened,
            self._outbox,
            self.want_postprocess,
            lives=self._lives,
            intake=self._intake,
            rows=self.rows,
            replay=self._replay,
            skews=skews,
            fate=self.fate,
            slow=self.slow,
            present=self._present,
            ending=self._ending,
        )

    @property
    def members(self) -> Members:
        """All processes, to be looked at."""
        return self.fate.members

    @property
    def stop(self) -> StopAgreement:
        """What they agree on, to be looked at."""
        return self.fate.stopping.agreement

    def want_postprocess(self, wanted: bool) -> None:
        """Whether process 0 has a ``metric_postprocess_fn``."""
        self._postprocess = wanted
        self.rows.want_postprocess(wanted)

    def event(self, event: Event, process: int = 0) -> None:
        """Stores an event of the coordinator's own."""
        self._intake.event(event, process=process)

    def add_tool(self, name: str, runner: Runner) -> None:
        """Starts a tool's feed."""
        self.feeds.add(name, runner)

    # ------------------------------------------------------------- streams

    def join(self, stream: Stream, now: float) -> Stream | None:
        """Takes a stream; returns the older one of the same process, which has ended.

        Raises:
            RefusedError: it is of another run.
            UnavailableError: the run ends.
        """
        if self._ending.begun:
            raise UnavailableError("every process has ended, and so does this coordinator")
        return self._present.join(stream, now)

    def leave(self, stream: Stream, now: float) -> None:
        """A stream has ended."""
        self._present.leave(stream, now)

    # ------------------------------------------------------------ messages

    def receive(self, stream: Stream, message: pb.WorkerMessage, now: float) -> None:
        """Deals with one message.

        Raises:
            WireError: it breaks the protocol.
            RefusedError: an `Open` that does not fit.
            UnavailableError: it has to be sent again.
        """
        self.members.spoke(stream.hello.process, now)
        self._hearing.receive(stream, message, now)

    # -------------------------------------------------------------- the end

    def signalled(self, number: int | None) -> None:
        """The launcher received a signal; None: none so far."""
        self._ending.signalled(number)

    def process_exit(self, notice: ProcessExit, now: float) -> None:
        """The launcher's word on a process."""
        self._ending.signalled(notice.received)
        self.fate.exited(notice, now)

    def all_ended(self, notice: AllEnded, now: float) -> None:
        """Nobody is left: what they sent last is read, then all is settled."""
        self._ending.all_ended(notice, now)

    def ours(self, now: float) -> bool:
        """Whether anything may be written: no other coordinator has taken the run."""
        return self._lease.check(now)

    def wanted(self, now: float) -> bool:
        """Whether another coordinator has the run, or waits for it while nobody is connected."""
        return self._lease.lost or (self._lease.wanted(now) and not self._outbox.streams)

    @property
    def all_said(self) -> bool:
        """Whether every process has ended and the run is ours: what is left is the tools'."""
        return not self._lease.lost and self.fate.settled()

    def came(self, now: float, patience: float) -> None:
        """A turn came, which might take `patience` until it began.

        If the coordinator stood still, what came meanwhile is read before time counts.
        """
        if self._standstill.over(now, patience):
            self.members.away(now)
            if not self._local and self._rest.begin(now) and not self._replay.holding(now):
                self.rows.clock.hold(self._rest.until)

    def advance(self, now: float) -> None:
        """Does what is due: the last thing of every transaction."""
        streams = self._outbox.streams
        self.fate.tick(set(streams), now)
        self._judge(now)
        if self._ending.drained(bool(streams), now):
            for stream in list(streams.values()):
                self.leave(stream, now)
            self._ending.nobody_left(now)
        older = self._replay.due(now)
        if older is not None:
            self.rows.flush(now, older)
        if now >= self._rest.until and not self._replay.holding(now):
            self.rows.clock.release()
        self.rows.clock.reading(self._replay.reading(now))
        self.rows.advance(now)
        verdict = self._ending.verdict(now)
        if verdict is not None:
            self._outbox.tell_all(verdict_message(verdict))
        self.over = self._ending.advance(now)
        self.fate.remember()

    def next_deadline(self) -> float | None:
        """When `advance` has something to do though nothing came."""
        parts = (self.rows, self.fate, self._replay, self._ending, self._lease)
        found = [part.next_deadline() for part in parts]
        return min((d for d in found if d is not None), default=None)

    def committed(self, now: float) -> None:
        """Tells workers and tools what the journal has now."""
        self._outbox.flush(self._intake.stored)
        self.fate.committed()
        self._replay.committed()
        self.feeds.pump(self.rows.before())
        self.feeds.pump_lines()
        self._lease.renew(now)

    def take_signs(self) -> list[FirstSign]:
        """What the owner is to be told after a commit."""
        return self._signs.take()

    def ended(self) -> Ended:
        """The last word; while the journal is open."""
        verdict = self.fate.verdict()
        rows = self._journal.count_rows(self._setup.job_id)
        return Ended(verdict.status, verdict.root_cause, rows)

    def close(self, timeout: float) -> None:
        """Ends the tools; their last cursors are posted while it waits."""
        self._replay.close(timeout)
        self.feeds.close(timeout)

    def _judge(self, now: float) -> None:
        """Names processes that have become slow."""
        if not self.slow.due(now):
            return
        running = {m.process for m in self.fate.members.all() if m.state in HERE}
        for slow in self.slow.judge(running, now):
            self.event(Event("slow", slow.text), slow.process)

"""An open run: what each message of a worker does to it.

Owned by the state thread. Everything but `committed` and `close` happens
within a transaction of the journal; `committed` follows it and is the only
thing that tells anybody.
"""

import time
from collections.abc import Iterable

from ..proto import podlog_pb2 as pb
from ..proto.control import AllEnded, Ended, ProcessExit, Setup
from ..proto.errors import UnavailableError, WireError
from ..proto.records import Event, Verdict
from .ending import Ending
from .fate import Fate
from .feeds import Feeds, Post
from .intake import Intake
from .lease import Lease
from .lives import Lives
from .messages import (
    check_open,
    heartbeat_reply,
    verdict_message,
)
from .opening import OpenRun
from .present import Present
from .replay import Replay
from .restart import KnownRows, recall_rows
from .rows import Rows
from .runners import Runner
from .streams import Outbox, Stream


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
    """

    def __init__(self, opened: OpenRun, setup: Setup, post: Post, *, local: bool) -> None:
        self.opened = opened
        self.over = False
        self._setup = setup
        self._timing = opened.config.timing
        self._journal = opened.journal
        self._postprocess = False
        self._lease = Lease(opened, self._timing.takeover_s)
        self._feeds = Feeds(self._journal, post, self.event, self._timing.tools_timeout_s)
        if opened.log_path is not None:
            name = f"{opened.config.cmd_logging_name}.log"
            self._feeds.open_log(opened.log_path / name, window=0.0 if local else 1.0)
        self._replay = Replay(opened, post, self._timing.row_timeout_s)
        self._ending = Ending(self._replay, self._feeds, self._timing, local=local)
        try:
            self.recall(time.monotonic())
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
        self._intake = Intake(self._journal, self._lives)
        self._rows = Rows(
            self.opened.config, self._journal, self._intake, self._lives, self._outbox
        )
        self._rows.recall(now)
        self._rows.want_postprocess(self._postprocess)
        clock = self._rows.clock
        self._lives.learned = lambda attempts: clock.attempts(attempts, setup.job_id)
        self._lives.learned(self._lives.attempts())
        known = KnownRows(self._journal, clock)
        self._replay.recall(self._intake, self._lives, clock, known)
        recall_rows(self._journal, clock, known, self._lives.ours(), now)
        self._fate = Fate(setup, self._timing, self._journal, clock, self._replay, self.event, now)
        self._ending.recall(self._fate, self._rows, self._intake, now)
        self._feeds.recall()
        self._present = Present(
            self.opened, setup, self._outbox, self._lives, self._rows, self._fate, self._replay
        )

    def want_postprocess(self, wanted: bool) -> None:
        """Whether process 0 has a ``metric_postprocess_fn``."""
        self._postprocess = wanted
        self._rows.want_postprocess(wanted)

    def event(self, event: Event, process: int = 0) -> None:
        """Stores an event of the coordinator's own."""
        self._intake.event(event, process=process)

    def add_tool(self, name: str, runner: Runner) -> None:
        """Starts a tool's feed."""
        self._feeds.add(name, runner)

    # ------------------------------------------------------------- streams

    def join(self, stream: Stream, now: float) -> Stream | None:
        """Takes a stream; returns the older one of the same process, which has ended.

        Raises:
            RefusedError: it is of another run.
        """
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
        match message.WhichOneof("body"):
            case "batch":
                self._batch(stream, message.batch, now)
            case "heartbeat":
                self._heartbeat(stream, message.heartbeat, now)
            case "open":
                self._reopen(stream, message.open)
            case "merged_request":
                self._rows.ask(stream, message.merged_request)
            case "postprocess_answer":
                self._rows.answered(stream, message.postprocess_answer)
            case "finalize":
                self._finalize(stream, message.finalize.status, now)
            case "goodbye":
                self._present.meet(stream)
                self._intake.made(stream.hello.incarnation, message.goodbye.made)
                self._fate.goodbye(stream, message.goodbye.status, now)
            case "orphan":
                if self._replay.relayed(stream, message.orphan, now):
                    self._outbox.ack(stream, message.orphan.hello.incarnation)
            case other:
                raise WireError(f"{stream.name} sent {other} in the middle of a stream")

    def _batch(self, stream: Stream, batch: pb.Batch, now: float) -> None:
        incarnation = stream.hello.incarnation
        before = self._intake.stored(incarnation)
        records = self._intake.batch(stream, batch)
        if self._intake.stored(incarnation) > before:
            self._present.meet(stream)
        if records:
            self._fate.active(stream.hello.process, now)
        for record, attempt in records:
            self._rows.clock.record(record, attempt, now)
        self._progress(stream, batch.progress, now)
        self._present.link(stream, batch.backlog, now)
        self._outbox.ack(stream, incarnation)
        if self._intake.overflowed(incarnation):
            raise UnavailableError(f"{stream.name} sent too much behind a hole: send it again")

    def _heartbeat(self, stream: Stream, heartbeat: pb.Heartbeat, now: float) -> None:
        self._outbox.tell(stream, heartbeat_reply(heartbeat))
        if stream.met:
            self._intake.made(stream.hello.incarnation, heartbeat.made)
        self._progress(stream, heartbeat.progress, now)
        self._present.link(stream, heartbeat.backlog, now)

    def _progress(self, stream: Stream, said: Iterable[pb.Progress], now: float) -> None:
        for progress in self._intake.progress(stream, said):
            attempt = self._lives.expected(stream.hello.restores)
            self._rows.progress(stream.hello.process, attempt, progress, now)

    def _reopen(self, stream: Stream, message: pb.Open) -> None:
        """Process 0 opens the run, or came again and must mean the same one."""
        if stream.hello.process != 0:
            raise WireError(f"{stream.name} sent Open, which only process 0 does")
        check_open(message, self.opened)
        self.want_postprocess(message.postprocess)

    def _finalize(self, stream: Stream, status: str, now: float) -> None:
        self._present.meet(stream)
        given = self._fate.given
        if given is not None:  # nothing was logged since: the chapter has its verdict
            self._tell(given, [stream])
            return
        self._fate.finalized(stream, status, now)
        if self._ending.finalized(now):
            return
        standing = self._fate.verdict()
        if not standing.final:
            self._tell(standing, [stream])

    # -------------------------------------------------------------- the end

    def process_exit(self, notice: ProcessExit, now: float) -> None:
        """The launcher's word on a process."""
        self._fate.exited(notice, now)

    def all_ended(self, notice: AllEnded, now: float) -> None:
        """Nobody is left: what they sent last is read, then all is settled."""
        self._ending.all_ended(notice, now)

    def ours(self, now: float) -> bool:
        """Whether anything may be written: no other coordinator has taken the run."""
        return self._lease.check(now)

    def wanted(self, now: float) -> bool:
        """Whether another coordinator has the run, or waits for it while nobody is connected."""
        return self._lease.lost or (self._lease.wanted(now) and not self._present.streams)

    @property
    def all_said(self) -> bool:
        """Whether every process has ended and the run is ours: what is left is the tools'."""
        return not self._lease.lost and self._fate.settled()

    def advance(self, now: float) -> None:
        """Does what is due: the last thing of every transaction."""
        streams = self._present.streams
        self._fate.tick(set(streams), now)
        if self._ending.drained(bool(streams), now):
            for stream in list(streams.values()):
                self.leave(stream, now)
            self._ending.nobody_left(now)
        older = self._replay.due(now)
        if older is not None:
            self._rows.flush(now, older)
        if not self._replay.holding(now):
            self._rows.clock.release()
        self._rows.clock.reading(self._replay.reading(now))
        self._rows.advance(now)
        verdict = self._ending.verdict(now)
        if verdict is not None:
            self._tell(verdict, streams.values())
        self.over = self._ending.advance(now)
        self._fate.remember()

    def next_deadline(self) -> float | None:
        """When `advance` has something to do though nothing came."""
        parts = (self._rows, self._fate, self._replay, self._ending, self._lease)
        found = [part.next_deadline() for part in parts]
        return min((d for d in found if d is not None), default=None)

    def committed(self, now: float) -> None:
        """Tells workers and tools what the journal has now."""
        self._outbox.flush(self._intake.stored)
        self._replay.committed()
        self._feeds.pump(self._rows.before())
        self._feeds.pump_lines()
        self._lease.renew(now)

    def ended(self) -> Ended:
        """The last word; while the journal is open."""
        verdict = self._fate.verdict()
        rows = self._journal.count_rows(self._setup.job_id)
        return Ended(verdict.status, verdict.root_cause, rows)

    def close(self, timeout: float) -> None:
        """Ends the tools; their last cursors are posted while it waits."""
        self._replay.close(timeout)
        self._feeds.close(timeout)

    def _tell(self, verdict: Verdict, streams: Iterable[Stream]) -> None:
        for stream in streams:
            self._outbox.tell(stream, verdict_message(verdict))

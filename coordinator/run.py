"""An open run: what each message of a worker does to it.

Owned by the state thread. Everything but `committed` and `close` happens
within a transaction of the journal; `committed` follows it and is the only
thing that tells anybody.
"""

import logging
import time
from collections.abc import Iterable
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.control import AllEnded, Ended, ProcessExit, Setup
from ..proto.errors import RefusedError, WireError
from ..proto.records import Event, Verdict
from .fate import Fate
from .feeds import Feeds, Post
from .intake import Intake
from .messages import heartbeat_reply, opened_message, verdict_message, welcome
from .opening import OpenRun
from .restart import recall
from .rows import Rows
from .runners import Runner
from .settling import Settling
from .streams import Outbox, Stream

_log = logging.getLogger(__name__)

DRAIN_S = 2.0
"""How long streams of processes that have ended may take to be read to the end."""


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
        self._local = local
        self._timing = opened.config.timing
        self._journal = opened.journal
        self._drain_until: float | None = None
        self._drained = False
        self._signal: int | None = None
        self._renew_at = 0.0
        self._feeds = Feeds(self._journal, post, lambda event: self._intake.event(event))
        if opened.log_path is not None:
            name = f"{opened.config.cmd_logging_name}.log"
            self._feeds.open_log(opened.log_path / name, window=0.0 if local else 1.0)
        self.recall(time.monotonic())
        self.attempt = self._intake.attempt(0)

    def recall(self, now: float) -> None:
        """Builds what is in memory from the journal: at start, and after an undone turn."""
        self._streams: dict[int, Stream] = {}
        self._backlog: dict[int, int] = {}
        self._to_ack: set[Stream] = set()
        self._settling: Settling | None = None
        self._chapter_end: Settling | None = None
        self._outbox = Outbox()
        self._intake = Intake(self._journal, self._setup.job_id, self._setup.started)
        self._rows = Rows(self.opened.config, self._journal, self._intake, self._outbox)
        if recall(self._journal, self._rows.clock, self._setup.job_id, now):
            self._rows.advance(now, flush=True)
        self._fate = Fate(
            self._setup, self._timing, self._journal, self._intake, self._rows.clock, now
        )
        if self._drained:
            self._fate.all_ended(self._signal, now)

    def want_postprocess(self, wanted: bool) -> None:
        """Whether process 0 has a ``metric_postprocess_fn``."""
        self._rows.want_postprocess(wanted)

    def report(self, problems: Iterable[Event]) -> None:
        """Stores events about the start."""
        for event in problems:
            self._intake.event(event)

    def add_tool(self, name: str, runner: Runner) -> None:
        """Starts a tool's feed."""
        self._feeds.add(name, runner)

    # ------------------------------------------------------------- streams

    def join(self, stream: Stream, now: float) -> Stream | None:
        """Takes a stream; returns the older one of the same process, which has ended.

        Raises:
            RefusedError: it is of another run.
        """
        hello = stream.hello
        if hello.run_id and hello.run_id != self.opened.run_id:
            raise RefusedError(
                f"{stream.name} logs run {hello.run_id!r}, but this coordinator holds run "
                f"{self.opened.run_id!r} in {self.opened.log_path}"
            )
        replaced = self._streams.get(hello.process)
        if replaced is not None:
            self.leave(replaced, now)
        self._streams[hello.process] = stream
        self._journal.add_process(hello)
        attempt = self._intake.attempt(hello.restores)
        self._rows.joined(stream)
        self._fate.joined(stream, now)
        if not stream.welcomed:
            stream.welcomed = True
            stored = self._intake.stored(hello.incarnation)
            self._outbox.tell(stream, welcome(stream, self._setup, self._timing, stored))
        self._outbox.tell(stream, opened_message(self.opened, attempt))
        self._to_ack.add(stream)
        return replaced

    def leave(self, stream: Stream, now: float) -> None:
        """A stream has ended."""
        stream.alive = False
        self._rows.left(stream)
        process = stream.hello.process
        if self._streams.get(process) is stream:
            del self._streams[process]
            self._fate.left(stream, self._backlog.get(process, 0), now)

    # ------------------------------------------------------------ messages

    def receive(self, stream: Stream, message: pb.WorkerMessage, now: float) -> None:
        """Deals with one message.

        Raises:
            WireError: it breaks the protocol.
            RefusedError: an `Open` that does not fit.
        """
        match message.WhichOneof("body"):
            case "batch":
                self._batch(stream, message.batch, now)
            case "heartbeat":
                self._outbox.tell(stream, heartbeat_reply(message.heartbeat))
                self._progress(stream, message.heartbeat.progress, now)
                self._link(stream, message.heartbeat.backlog, now)
            case "open":
                self._reopen(stream, message.open)
            case "merged_request":
                self._rows.ask(stream, message.merged_request)
            case "postprocess_answer":
                self._rows.answered(stream, message.postprocess_answer)
            case "finalize":
                self._finalize(stream, message.finalize.status, now)
            case "goodbye":
                self._fate.goodbye(stream, message.goodbye.status, now)
            case other:
                raise WireError(f"{stream.name} sent {other} in the middle of a stream")

    def _batch(self, stream: Stream, batch: pb.Batch, now: float) -> None:
        records = self._intake.batch(stream, batch)
        if records:
            self._fate.active(stream.hello.process, now)
        for record, attempt in records:
            self._rows.clock.record(record, attempt, now)
        self._progress(stream, batch.progress, now)
        self._link(stream, batch.backlog, now)
        self._to_ack.add(stream)

    def _progress(self, stream: Stream, said: Iterable[pb.Progress], now: float) -> None:
        attempt = self._intake.attempt(stream.hello.restores)
        for progress in self._intake.progress(stream, said):
            self._rows.progress(stream.hello.process, attempt, progress, now)

    def _link(self, stream: Stream, backlog: int, now: float) -> None:
        self._backlog[stream.hello.process] = backlog
        self._rows.clock.link(stream.hello.process, True, backlog, now)

    def _reopen(self, stream: Stream, message: pb.Open) -> None:
        """Process 0 opens the run, or came again and must mean the same one."""
        if stream.hello.process != 0:
            raise WireError(f"{stream.name} sent Open, which only process 0 does")
        here = self.opened.log_path
        there = Path(message.log_path).resolve() if message.log_path else None
        same_place = there == (here.resolve() if here is not None else None)
        if message.run_id not in ("", self.opened.run_id) or not same_place:
            raise RefusedError(
                f"process 0 opens run {message.run_id!r} in {there}, but this "
                f"coordinator holds run {self.opened.run_id!r} in {here}"
            )
        self._rows.want_postprocess(message.postprocess)

    def _finalize(self, stream: Stream, status: str, now: float) -> None:
        given = self._fate.given
        if given is not None:  # nothing was logged since: the chapter has its verdict
            self._tell(given, [stream])
            return
        self._fate.finalized(stream, status, now)
        if self._local:
            self._chapter_end = self._settle(now, lines=True)
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
        if self._drain_until is None and not self._drained:
            self._signal = notice.signal
            self._drain_until = now + (0.0 if self._local else DRAIN_S)

    def advance(self, now: float) -> None:
        """Does what is due: the last thing of every transaction."""
        self._fate.tick(set(self._streams), now)
        if self._drain_until is not None and (not self._streams or now >= self._drain_until):
            self._drained, self._drain_until = True, None
            for stream in list(self._streams.values()):
                self.leave(stream, now)
            self._fate.all_ended(self._signal, now)
        self._rows.advance(now)

        if self._chapter_end is not None and self._chapter_end.advance(now):
            self._chapter_end = None
        if self._chapter_end is None:
            verdict = self._fate.give()
            if verdict is not None:
                self._tell(verdict, self._streams.values())

        if self._settling is None and self._fate.settled() and self._chapter_end is None:
            self._settling = self._settle(now)
        if self._settling is not None and self._settling.advance(now):
            self.over = True

    def next_deadline(self) -> float | None:
        """When `advance` has something to do though nothing came."""
        found = [self._rows.next_deadline(), self._fate.next_deadline(), self._drain_until]
        found += [s.deadline for s in (self._chapter_end, self._settling) if s is not None]
        if self.opened.fence is not None:
            found.append(self._renew_at)
        return min((d for d in found if d is not None), default=None)

    def committed(self, now: float) -> None:
        """Tells workers and tools what the journal has now."""
        self._outbox.flush()
        for stream in self._to_ack:
            incarnation = stream.hello.incarnation
            seq = self._intake.stored(incarnation)
            if seq:
                ack = pb.Ack(incarnation=incarnation, seq=seq)
                stream.peer.send(pb.CoordinatorMessage(ack=ack))
        self._to_ack.clear()
        self._feeds.pump(self._rows.before())
        self._feeds.pump_lines()
        self._renew(now)

    def ended(self) -> Ended:
        """The last word."""
        verdict = self._fate.verdict()
        return Ended(verdict.status, verdict.root_cause, self._rows.count)

    def close_feeds(self, timeout: float) -> None:
        """Ends the tools; their last cursors are posted while it waits."""
        self._feeds.close(timeout)

    def _settle(self, now: float, *, lines: bool = False) -> Settling:
        return Settling(
            self._rows,
            self._feeds,
            self._intake,
            status=self._fate.verdict().status,
            deadline=now + self._timing.tools_timeout_s,
            lines=lines,
        )

    def _tell(self, verdict: Verdict, streams: Iterable[Stream]) -> None:
        for stream in streams:
            self._outbox.tell(stream, verdict_message(verdict))

    def _renew(self, now: float) -> None:
        """Says that this coordinator lives, three times in the time others wait for it."""
        fence = self.opened.fence
        if fence is None or now < self._renew_at:
            return
        self._renew_at = now + self._timing.takeover_s / 3
        try:
            fence.renew(time.time())
        except OSError as error:
            _log.warning("the lease in %s cannot be renewed: %s", self.opened.log_path, error)

"""What each message of a worker does to the run."""

import time
from collections.abc import Callable, Iterable

from ..proto import podlog_pb2 as pb
from ..proto.errors import UnavailableError, WireError
from .core.slow import Slowness
from .ending import Ending
from .fate import Fate
from .intake import Intake
from .lives import Lives
from .messages import check_open, heartbeat_reply, read_beat, verdict_message
from .opening import OpenRun
from .present import Present
from .replay import Replay
from .rows import Rows
from .skews import Skews
from .streams import Outbox, Stream


class Hearing:
    """Takes messages of the open streams. Owned by the state thread.

    Args:
        opened: the run.
        outbox: what is answered goes there.
        want_postprocess: told whether process 0 has a ``metric_postprocess_fn``.
        lives, intake, rows, replay, skews, fate, slow, present, ending: of the run.
    """

    def __init__(
        self,
        opened: OpenRun,
        outbox: Outbox,
        want_postprocess: Callable[[bool], None],
        *,
        lives: Lives,
        intake: Intake,
        rows: Rows,
        replay: Replay,
        skews: Skews,
        fate: Fate,
        slow: Slowness,
        present: Present,
        ending: Ending,
    ) -> None:
        self._opened = opened
        self._outbox = outbox
        self._want_postprocess = want_postprocess
        self._lives = lives
        self._intake = intake
        self._rows = rows
        self._replay = replay
        self._skews = skews
        self._fate = fate
        self._slow = slow
        self._present = present
        self._ending = ending

    def receive(self, stream: Stream, message: pb.WorkerMessage, now: float) -> None:
        """Deals with one message; see `Run.receive`."""
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
            case "orphan":
                if self._replay.relayed(stream, message.orphan, now):
                    self._outbox.ack(stream, message.orphan.hello.incarnation)
            case "stop_request":
                self._fate.stopping.requested(stream, message.stop_request, now)
            case "stop_answer":
                self._fate.stopping.answered(stream, message.stop_answer, now)
            case "stacks":
                self._fate.stacks(stream, message.stacks)
            case _:
                self._last_words(stream, message, now)

    def _last_words(self, stream: Stream, message: pb.WorkerMessage, now: float) -> None:
        match message.WhichOneof("body"):
            case "failed":
                self._present.meet(stream)
                self._fate.failed(stream, message.failed, now)
            case "finalize":
                self._finalize(stream, message.finalize, now)
            case "goodbye":
                self._present.meet(stream)
                self._intake.made(stream.hello.incarnation, message.goodbye.made)
                self._fate.goodbye(stream, message.goodbye, now)
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
        self._skews.heard(stream, heartbeat, time.time())
        incarnation = stream.hello.incarnation
        if stream.met:
            self._intake.made(incarnation, heartbeat.made)
        here = max(self._intake.stored(incarnation), stream.hello.acked)
        self._present.link(stream, max(heartbeat.backlog, heartbeat.made - here), now)
        beat = read_beat(heartbeat)
        self._slow.beat(stream.hello.process, beat)
        self._fate.heartbeat(stream, beat, now)

    def _progress(self, stream: Stream, said: Iterable[pb.Progress], now: float) -> None:
        for progress in self._intake.progress(stream, said):
            attempt = self._lives.expected(stream.hello.restores)
            self._rows.progress(stream.hello.process, attempt, progress, now)

    def _reopen(self, stream: Stream, message: pb.Open) -> None:
        """Process 0 opens the run, or came again and must mean the same one."""
        if stream.hello.process != 0:
            raise WireError(f"{stream.name} sent Open, which only process 0 does")
        check_open(message, self._opened)
        self._want_postprocess(message.postprocess)

    def _finalize(self, stream: Stream, message: pb.Finalize, now: float) -> None:
        self._present.meet(stream)
        given = self._fate.chapters.given
        if given is not None:  # nothing was logged since: the chapter has its verdict
            self._outbox.tell(stream, verdict_message(given))
            return
        self._fate.finalized(stream, message, now)
        if self._ending.finalized(now):
            return
        standing = self._fate.verdict()
        if not standing.final:
            self._outbox.tell(stream, verdict_message(standing))

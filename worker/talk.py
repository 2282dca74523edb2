"""What is said on one connection, message by message; time is passed in.

Hello, then silence until Welcome; Open from process 0; then batches in order,
Finalize right behind the last record before it, heartbeats, and Goodbye when all
is said. What concerns stops and failures overtakes the records; see `fate`.
"""

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.gaps import block_span
from ..proto.records import Verdict
from ..proto.rowcodec import read_row
from ..proto.session import Session
from .fate import Fate, FateTalk
from .handed import Handed
from .pulse import Pulse
from .relay import Relay
from .spool import Spool
from .waits import Waits
from .window import Window

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speaker:
    """What every connection of one Logger needs.

    Attributes:
        hello: who speaks.
        spool: where records are read; told what was acknowledged.
        handed: how far this process is.
        waits: told what callers wait for.
        heartbeat: step, phase, mode and pending; the rest is filled in.
        open: what the run is; None except on process 0.
        submit: takes requests to apply ``metric_postprocess_fn``.
        heartbeat_s: period until the coordinator names another.
        relay: offers what processes that are gone left; None without a folder.
        fate: what is said and heard of stops, failures and clocks.
    """

    hello: pb.Hello
    spool: Spool
    handed: Handed
    waits: Waits
    heartbeat: Callable[[], pb.Heartbeat]
    open: Callable[[], pb.Open] | None
    submit: Callable[[pb.PostprocessRequest], None] | None
    heartbeat_s: float
    relay: Relay | None = None
    fate: Fate = dataclasses.field(default_factory=Fate)


class Talk:
    """One connection, used by one thread.

    Args:
        speaker: who speaks.
        session: takes messages; never blocks.
        now: monotonic seconds, as everywhere here.

    Attributes:
        welcome: what the coordinator answered to Hello, or None.
        bidden: whether Goodbye was sent.
    """

    def __init__(self, speaker: Speaker, session: Session, now: float) -> None:
        self._me = speaker
        self._session = session
        self._pulse = Pulse(speaker.heartbeat_s, now)
        self._fate = FateTalk(speaker.fate, speaker.waits, self.say)
        self._window = Window()
        self._window.reset(speaker.spool.acked)
        self._schemas: set[int] = set()
        self._progress: dict[tuple[str, int], tuple[int, bool]] = {}
        self._held: tuple[int, list[pb.Progress]] | None = None
        self._asked: set[int] = set()
        self._finalized: object = None
        self._said = self._beat_said = 0
        self._beat = self._batched = now
        self._interval = 0.2
        self._behind = self._opened = self._measured = False
        self.welcome: pb.Welcome | None = None
        self.bidden = False
        speaker.hello.acked = speaker.spool.acked
        self.say(hello=speaker.hello)

    def alive(self, now: float) -> bool:
        """Whether the coordinator was heard lately, or a slow network still takes what is sent."""
        if self.welcome is not None:
            self._pulse.watch(self._session.flow, now)
        return self._pulse.alive(now)

    @property
    def sent(self) -> int:
        """The last number sent here or acknowledged."""
        return self._window.sent

    # ------------------------------------------------------------ what comes

    def receive(self, message: pb.CoordinatorMessage, now: float) -> None:
        """Takes one message of the coordinator.

        Raises:
            WireError: a row that cannot be read.
        """
        self._pulse.heard(now)
        waits = self._me.waits
        match message.WhichOneof("body"):
            case "welcome":
                self._welcomed(message.welcome, now)
            case "ack":
                self._ack(message.ack, now)
            case "opened":
                waits.opened(message.opened)
                self._relay_from_here(message.opened.run_id)
            case "merged_row":
                waits.row(message.merged_row.id, read_row(message.merged_row.row))
            case "verdict":
                waits.verdict(_verdict(message.verdict), self._finalized)
            case "postprocess_request":
                self._postprocess(message.postprocess_request)
            case "heartbeat_reply" if not self._measured:
                self._measured = True
                self._fate.receive(message, now)
                self._beat = float("-inf")  # the offset that is known now is told at once
            case _:
                self._fate.receive(message, now)

    def _welcomed(self, welcome: pb.Welcome, now: float) -> None:
        self.welcome = welcome
        self._pulse.heartbeat_s = welcome.heartbeat_s or self._pulse.heartbeat_s
        self._interval = welcome.send_interval_s or self._interval
        self._beat = self._batched = float("-inf")
        for warning in welcome.warnings:
            _log.warning("coordinator: %s", warning)
        if welcome.job_id:
            self._me.hello.job_id = welcome.job_id
            self._me.hello.job_started = welcome.job_started
            self._me.spool.identify(welcome.job_id, welcome.job_started)
        if self._me.open is not None:
            self.say(open=self._me.open())
        self._fate.welcomed()
        self._acked(welcome.ack, now)

    def _relay_from_here(self, run_id: str) -> None:
        if self._me.relay is not None and not self._opened:
            self._opened = True
            self._me.relay.connected()
            self._me.relay.begin(run_id)

    def _ack(self, ack: pb.Ack, now: float) -> None:
        if ack.incarnation == self._me.hello.incarnation:
            self._acked(ack.seq, now)
        elif self._me.relay is not None:
            self._me.relay.acked(ack.incarnation, ack.seq)

    def _acked(self, seq: int, now: float) -> None:
        self._window.ack(seq, now)
        self._me.spool.ack(seq)
        self._me.waits.acked(seq)

    def _postprocess(self, request: pb.PostprocessRequest) -> None:
        if self._me.submit is not None:
            self._me.submit(request)
        else:
            answer = pb.PostprocessAnswer(id=request.id, error="no metric_postprocess_fn here")
            self.say(postprocess_answer=answer)

    # ------------------------------------------------------------ what goes

    def say(self, **body: Any) -> None:
        """Sends one message, given as a field of `pb.WorkerMessage`."""
        self._said += 1
        self._session.send(pb.WorkerMessage(**body))

    def turn(self, now: float, closing: pb.Goodbye | None) -> float:
        """Sends what is due; returns when to call again at the latest.

        Args:
            now: the time.
            closing: the Goodbye to say behind everything else, but for its `made`.
        """
        if self.welcome is None:
            return self._pulse.deadline
        self._fate.turn()
        self._heartbeat(now)
        asked = {request.id: request for request in self._me.waits.asked()}
        for number, request in asked.items():
            if number not in self._asked:
                self.say(merged_request=request)
        self._asked = set(asked)
        hurry = closing is not None or self._me.waits.urgent > 0
        if hurry or self._behind or now >= self._batched + self._interval:
            self._batched = now
            self._send_batches(now)
        if self._opened and self._me.relay is not None and not self._behind:
            orphan = self._me.relay.take()
            if orphan is not None:
                self.say(orphan=orphan)
        if closing is not None and not self.bidden and self._all_said():
            self.bidden = True
            closing.made = self._me.spool.last_seq
            self.say(goodbye=closing)
        return min(
            self._beat + self._pulse.heartbeat_s,
            self._batched + self._interval,
            self._pulse.deadline,
        )

    def _heartbeat(self, now: float) -> None:
        """Sends one if it is due and the last one is on its way."""
        if now < self._beat + self._pulse.heartbeat_s:
            return
        self._beat = now
        if self._said - self._session.flow.waiting < self._beat_said:
            return
        heartbeat = self._me.heartbeat()
        self._fate.stamp(heartbeat, now)
        heartbeat.made = self._me.spool.last_seq
        heartbeat.backlog = heartbeat.made - self._window.sent
        self.say(heartbeat=heartbeat)
        self._beat_said = self._said

    def _all_said(self) -> bool:
        finalize = self._me.waits.finalize
        return self._window.sent >= self._me.spool.last_seq and (
            finalize is None or finalize is self._finalized
        )

    def _send_batches(self, now: float) -> None:
        if self._held is None:
            progress = self._news()
            self._held = (progress[0].seq, progress) if progress else None
        while self._window.may_send() and self._send_batch(now):
            pass
        self._behind = self._window.sent < self._me.spool.last_seq

    def _send_batch(self, now: float) -> bool:
        """One batch of records, or of news alone; whether there was anything."""
        blocks = self._me.spool.read(self._window.sent, self._window.batch_bytes)
        finalize = self._me.waits.finalize
        if finalize is not None and finalize is not self._finalized:
            if self._window.sent >= finalize.seq:
                self._finalized = finalize
                said = pb.Finalize(status=finalize.status, error=finalize.error)
                self.say(finalize=said)
            else:
                blocks = [block for block in blocks if block_span(block)[0] <= finalize.seq]
        last = block_span(blocks[-1])[1] if blocks else self._window.sent
        batch = pb.Batch(blocks=blocks, backlog=self._me.spool.last_seq - last)
        for id in dict.fromkeys(block.schema_id for block in blocks):
            if id not in self._schemas:
                self._schemas.add(id)
                batch.schemas.append(self._me.spool.schema(id))
        if self._held is not None and self._held[0] <= last:
            batch.progress.extend(self._held[1])
            self._told(self._held[1])
            self._held = None
        if not blocks and not batch.progress:
            return False
        if blocks:
            self._window.add(last, batch.ByteSize(), now)
        self.say(batch=batch)
        return True

    def _news(self) -> list[pb.Progress]:
        """Progress that this connection has not told yet."""
        return [
            p
            for p in self._me.handed.progress()
            if self._progress.get((p.mode, p.kind)) != (p.step, p.left)
        ]

    def _told(self, progress: list[pb.Progress]) -> None:
        for p in progress:
            self._progress[p.mode, p.kind] = (p.step, p.left)


def _verdict(message: pb.Verdict) -> Verdict:
    return Verdict(
        message.status,
        message.final,
        tuple(message.waiting_for),
        message.root_cause,
        message.chapter,
    )

"""What processes send, into the journal: each record once, by its number."""

import collections
from collections.abc import Iterable

from ..proto import podlog_pb2 as pb
from ..proto.codec import decode_block, record_body
from ..proto.errors import WireError
from ..proto.gaps import OTHER_JOURNAL
from ..proto.records import ROW_KINDS, Event, Gap, Kind, Record
from .core.ingest import Ingest, Loss
from .journal import Journal
from .lives import MOST, Lives
from .notes import Notes
from .skews import Skews
from .streams import Stream

MAX_WAITING = 1000


class Intake:
    """Takes batches. Owned by the state thread; call it within a transaction.

    Args:
        journal: where everything goes.
        lives: which incarnation belongs to which attempt.
        skews: puts the times of workers right.

    Attributes:
        notes: takes what is stored beside rows, the coordinator's own too.
    """

    def __init__(self, journal: Journal, lives: Lives, skews: Skews) -> None:
        self._journal = journal
        self._lives = lives
        self.notes = Notes(journal, lives, skews)
        self._ingest = Ingest(journal.acks())
        self._acked: dict[int, int] = {}
        self._waiting: dict[int, collections.deque[pb.Progress]] = {}
        self._newest: dict[tuple[int, str, int], int] = {}

    def stored(self, incarnation: int) -> int:
        """Up to which number everything of an incarnation is stored."""
        return self._ingest.stored(incarnation)

    def batch(
        self, stream: Stream, batch: pb.Batch, hello: pb.Hello | None = None
    ) -> list[tuple[Record, int]]:
        """Stores what is new; returns the records of rows, with their attempts.

        Args:
            stream: on which it came; it keeps the schemas.
            batch: the message.
            hello: of a dead incarnation, whose records they are; None: of the
                stream's own.

        Raises:
            WireError: the batch breaks the wire format.
        """
        source, here = (stream.hello, True) if hello is None else (hello, False)
        for schema in batch.schemas:
            stream.learn(schema)
        offered: list[Record] = []
        for block in batch.blocks:
            if (block.process, block.incarnation) != (source.process, source.incarnation):
                raise WireError(f"{stream.name} sent records of process {block.process}")
            offered += decode_block(block, stream.schemas)
        if not offered:
            return []
        last = _last(offered)
        if last + batch.backlog > MOST:
            raise WireError(f"{stream.name} sent records beyond number {MOST}")

        accepted = self._ingest.offer(offered)
        self._lives.meet(source, here=here)
        rows = self._declared(source, here) + self._take(accepted, source, here)
        self.made(source.incarnation, last + (batch.backlog if here else 0))
        return rows

    def made(self, incarnation: int, seq: int) -> None:
        """An incarnation has given numbers up to `seq`; kept where not all of them are stored.

        Raises:
            WireError: a number that cannot be one.
        """
        if seq > self._ingest.stored(incarnation):
            self._lives.made(incarnation, seq)

    def overflowed(self, incarnation: int) -> bool:
        """Whether more came behind a hole than can wait: it has to be sent again."""
        return self._ingest.overflowed(incarnation)

    def progress(self, stream: Stream, said: Iterable[pb.Progress]) -> list[pb.Progress]:
        """Takes progress; returns what holds now, that is, whose records are all stored.

        One that was said before a newer record of its mode and kind, which has
        overtaken it, is dropped: the record tells more.
        """
        incarnation = stream.hello.incarnation
        waiting = self._waiting.setdefault(incarnation, collections.deque(maxlen=MAX_WAITING))
        waiting.extend(said)
        stored = self._ingest.stored(incarnation)
        holds = [p for p in waiting if p.seq <= stored]
        if holds:
            left = [p for p in waiting if p.seq > stored]
            waiting.clear()
            waiting.extend(left)
        return [p for p in holds if self._newest.get((incarnation, p.mode, p.kind), 0) <= p.seq]

    def event(self, event: Event, *, process: int = 0, step: int = 0, attempt: int = 0) -> None:
        """Stores an event of the coordinator's own, and its line for ``output.log``."""
        self.notes.event(event, process=process, step=step, attempt=attempt)

    def _declared(self, source: pb.Hello, here: bool) -> list[tuple[Record, int]]:
        """What a journal before this one had acknowledged does not come again."""
        stored = self._ingest.stored(source.incarnation)
        if source.acked <= stored:
            return []
        found = self._ingest.declare(source.incarnation, stored + 1, source.acked, OTHER_JOURNAL)
        return self._take(found, source, here)

    def _take(
        self, accepted: list[Record], source: pb.Hello, here: bool
    ) -> list[tuple[Record, int]]:
        """Stores newly accepted records, what turned out lost, and the ack number."""
        fresh = [(record, self._attempt(source, record.restores, here)) for record in accepted]
        rows = [(record, attempt) for record, attempt in fresh if record.kind in ROW_KINDS]
        self._journal.add_records(rows)
        for record, _ in rows:
            self._newest[record.incarnation, record.mode, record.kind.value] = record.seq
        for record, attempt in fresh:
            if record.kind not in ROW_KINDS and record.kind is not Kind.GAP:
                self.notes.store(record, attempt, source.host)
        for loss in self._ingest.losses():
            self._lost(loss, source, self._attempt(source, source.restores, here))

        seq = self._ingest.stored(source.incarnation)
        if seq > self._acked.get(source.incarnation, 0):
            self._acked[source.incarnation] = seq
            self._journal.set_ack(source.incarnation, seq)
        return rows

    def _lost(self, loss: Loss, source: pb.Hello, attempt: int) -> None:
        self._journal.add_loss(loss.incarnation, loss.first, loss.last, loss.cause)
        where = f"process {source.process} on {source.host or 'an unnamed host'}"
        text = f"{where} lost its records {loss.first} to {loss.last}: {loss.cause}"
        event = Event("gap", text, host=source.host, fields={"cause": loss.cause})
        self.notes.event(event, process=source.process, attempt=attempt)

    def _attempt(self, source: pb.Hello, restores: int, here: bool) -> int:
        if here:
            return self._lives.attempt(restores)
        return self._lives.attempt_of(source, restores)


def _last(records: Iterable[Record]) -> int:
    """The highest number that records have or declare lost."""
    last = 0
    for record in records:
        body = record_body(record) if record.kind is Kind.GAP else None
        last = max(last, record.seq, body.last if isinstance(body, Gap) else 0)
    return last

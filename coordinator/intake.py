"""What processes send, into the journal: each record once, by its number."""

import collections
import logging
import time
from collections.abc import Iterable

from ..proto import podlog_pb2 as pb
from ..proto.codec import decode_block, record_body
from ..proto.errors import WireError
from ..proto.records import ROW_KINDS, Event, Gap, LogLine, Record, RunConfig
from ..proto.rows import EventItem
from .core.ingest import Ingest
from .journal import Journal
from .streams import Stream

_log = logging.getLogger(__name__)

SELF = "podlog"
MAX_WAITING = 1000
_GOOD_NEWS = frozenset({"training_start"})


class Intake:
    """Takes batches. Owned by the state thread; call it within a transaction.

    Args:
        journal: where everything goes.
        job_id: the life of the job: with the restores it names an attempt.
        started: when the job_id was minted; orders attempts.
    """

    def __init__(self, journal: Journal, job_id: str, started: float) -> None:
        self._journal = journal
        self._job_id = job_id
        self._started = started
        self._ingest = Ingest(journal.acks())
        self._attempts: dict[int, int] = {}
        self._acked: dict[int, int] = {}
        self._waiting: dict[int, collections.deque[pb.Progress]] = {}
        self._newest: dict[tuple[int, str, int], int] = {}

    def stored(self, incarnation: int) -> int:
        """Up to which number everything of an incarnation is stored."""
        return self._ingest.stored(incarnation)

    def attempt(self, restores: int) -> int:
        """The number of the attempt after so many restores in this life of the job."""
        if restores not in self._attempts:
            number = self._journal.add_attempt(self._job_id, restores, self._started)
            self._attempts[restores] = number
        return self._attempts[restores]

    def batch(self, stream: Stream, batch: pb.Batch) -> list[tuple[Record, int]]:
        """Stores what is new; returns the records of rows, with their attempts.

        Raises:
            WireError: the batch breaks the wire format.
        """
        for schema in batch.schemas:
            stream.learn(schema)
        offered: list[Record] = []
        for block in batch.blocks:
            if (block.process, block.incarnation) != (
                stream.hello.process,
                stream.hello.incarnation,
            ):
                raise WireError(f"{stream.name} sent records of process {block.process}")
            offered += decode_block(block, stream.schemas)

        fresh = [(r, self.attempt(r.restores)) for r in self._ingest.offer(offered)]
        rows = [(r, attempt) for r, attempt in fresh if r.kind in ROW_KINDS]
        self._journal.add_records(rows)
        for record, _ in rows:
            self._newest[record.incarnation, record.mode, record.kind.value] = record.seq
        for record, attempt in fresh:
            if record.kind not in ROW_KINDS:
                self._body(record, attempt, stream.hello.host)
        self._store_ack(stream.hello.incarnation)
        return rows

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
        now = time.time()
        self._journal.add_event(EventItem(0, attempt, process, step, now, event))
        self.line(event.text, level=logging.WARNING, process=process, step=step)

    def line(
        self, text: str, *, level: int = logging.INFO, process: int = 0, step: int = 0
    ) -> None:
        """Stores a line of the coordinator's own."""
        self._journal.add_line(process, time.time(), step, LogLine(level, SELF, text))

    def _store_ack(self, incarnation: int) -> None:
        seq = self._ingest.stored(incarnation)
        if seq > self._acked.get(incarnation, 0):
            self._acked[incarnation] = seq
            self._journal.set_ack(incarnation, seq)

    def _body(self, record: Record, attempt: int, host: str) -> None:
        """Stores a log line, event, config or gap; one that cannot be read is an event."""
        draft, process = record.draft, record.process
        try:
            body = record_body(record)
        except WireError as error:
            self.event(Event("damaged", str(error), host=host), process=process, attempt=attempt)
            return
        match body:
            case LogLine():
                self._journal.add_line(process, draft.time, draft.step, body)
            case RunConfig():
                if process == 0:
                    self._journal.add_config(body)
            case Gap(first, last, cause):
                text = f"process {process} lost its records {first} to {last}: {cause}"
                self.event(Event("gap", text, host=host), process=process, attempt=attempt)
            case Event():
                item = EventItem(0, attempt, process, draft.step, draft.time, body)
                self._journal.add_event(item)
                level = logging.INFO if body.name in _GOOD_NEWS else logging.WARNING
                line = LogLine(level, SELF, body.text, body.host or host)
                self._journal.add_line(process, draft.time, draft.step, line)

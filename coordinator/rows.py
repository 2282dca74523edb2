"""From records to rows: close, merge, journal, show, give out."""

import dataclasses
import time
from collections.abc import Container

from ..proto import podlog_pb2 as pb
from ..proto.config import LoggerConfig
from ..proto.errors import WireError
from ..proto.records import Event, Kind, Record
from ..proto.rowcodec import encode_value, read_value
from ..proto.rows import Row, RowKey
from .asked import Asked
from .core.clock import Clock, Closing
from .core.merge import Merged, merge
from .epochs import Epochs
from .intake import Intake
from .journal import Journal
from .lives import Lives
from .showing import Showing
from .streams import Outbox, Stream

_THIN_EVERY = 1000  # rows
_SHOWN = "shown"  # the last row that passed process 0's function, or need not
_TOLD = 10_000  # complaints remembered; no further ones are made


class Rows:
    """Makes rows of records and decides which may reach the tools.

    Owned by the state thread; `advance` belongs into a transaction.

    Attributes:
        clock: says when a row closes.
        count: rows given out by this coordinator, without revisions.
    """

    def __init__(
        self,
        config: LoggerConfig,
        journal: Journal,
        intake: Intake,
        lives: Lives,
        outbox: Outbox,
    ) -> None:
        self.clock = Clock(config.timing)
        self.count = 0
        self._merge = config.merge
        self._journal = journal
        self._intake = intake
        self._lives = lives
        self._outbox = outbox
        self._showing = Showing()
        self._asked = Asked(outbox)
        self._epochs = Epochs(intake.notes)
        self._first: Stream | None = None
        self._hosts: dict[int, str] = {}
        self._told: set[tuple[object, ...]] = set()
        self._marked = False

    # ------------------------------------------------------------- streams

    def joined(self, stream: Stream) -> None:
        """A process is connected; process 0 can be asked to postprocess."""
        self._hosts[stream.hello.process] = stream.hello.host
        if stream.hello.process == 0:
            self._first = stream
            self._showing.connected = True

    def recall(self, now: float) -> None:
        """Rows that waited for process 0's answer when it was interrupted go on waiting for it."""
        shown = self._journal.meta(_SHOWN)
        if shown is None:
            return
        self._marked = self._showing.wanted = True
        at = int(shown)
        while items := self._journal.rows_after(at):
            at = items[-1].id
            for item in items:
                if isinstance(item, Row):
                    self._showing.add(item, now)

    def want_postprocess(self, wanted: bool) -> None:
        """Whether process 0 has a ``metric_postprocess_fn``."""
        self._showing.wanted = wanted

    def left(self, stream: Stream) -> None:
        """A stream has ended: it neither answers nor waits."""
        self._asked.forget(stream)
        if stream is self._first:
            self._first = None
            self._showing.disconnected()

    def ask(self, stream: Stream, request: pb.MergedRequest) -> None:
        """Someone wants a merged row."""
        attempt = self._lives.expected(stream.hello.restores)
        before = self.before()

        def find(mode: str, step: int, kind: Kind) -> Row | None:
            row = self._journal.row(attempt, mode, step, kind)
            return row if row is not None and (before is None or row.id < before) else None

        self._asked.ask(stream, request, find)

    def answered(self, stream: Stream, answer: pb.PostprocessAnswer) -> None:
        """Process 0 has applied its function.

        Raises:
            WireError: a value that is none.
        """
        if stream is not self._first:
            return
        if answer.error:
            text = f"metric_postprocess_fn raised on process 0: {answer.error}"
            self._intake.event(Event("postprocess_error", text))
            self._showing.answer(answer.id, None)
            return
        metrics = {key: read_value(value) for key, value in answer.metrics.items()}
        self._showing.answer(answer.id, metrics)

    # ---------------------------------------------------------------- rows

    def progress(self, process: int, attempt: int, said: pb.Progress, now: float) -> None:
        """A process is past a step; everything it made up to there is here.

        Raises:
            WireError: of a kind that makes no rows.
        """
        try:
            kind = Kind(said.kind)
        except ValueError as error:
            raise WireError(f"process {process} sent progress of kind {said.kind}") from error
        self.clock.progress(process, attempt, said.mode, kind, said.step, said.left, now)

    def flush(self, now: float, attempts: Container[int] | None = None) -> None:
        """Closes everything that is open, of `attempts` only if given."""
        for closing in self.clock.flush(now, attempts):
            self._close(closing, now)

    def advance(self, now: float, *, flush: bool = False) -> None:
        """Closes what is due (all of it with `flush`) and gives out what may go."""
        if flush:
            self.flush(now)
        for closing in self.clock.due(now):
            self._close(closing, now)
        for key in self.clock.completed():
            self._journal.delete_records(key)
        for passed in self.clock.passed():
            self._journal.delete_records_through(passed)

        for number, metrics in self._showing.questions(now):
            question = pb.PostprocessRequest(
                id=number, metrics={key: encode_value(value) for key, value in metrics.items()}
            )
            assert self._first is not None
            self._outbox.tell(self._first, pb.CoordinatorMessage(postprocess_request=question))

        shown = 0
        for row, changed in self._showing.release(now):
            if changed:
                self._journal.replace_row(row)
            self._asked.given(row)
            shown = row.id
        if shown and self._marked:
            self._journal.set_meta(_SHOWN, str(shown))

    def before(self) -> int | None:
        """The id of the first row that tools may not have yet; None: all may go."""
        return self._showing.before()

    def next_deadline(self) -> float | None:
        """When `advance` has something to do though nothing came."""
        deadlines = (self.clock.next_deadline(), self._showing.next_deadline())
        return min((d for d in deadlines if d is not None), default=None)

    def _close(self, closing: Closing, now: float) -> None:
        if self._showing.wanted and not self._marked:
            self._marked = True
            self._journal.set_meta(_SHOWN, str(self._journal.last_id()))
        if not closing.late and self._journal.has_row(closing.key):  # forgotten by the clock
            closing = dataclasses.replace(closing, late=True)
        stored = self._journal.records_of(closing.key) if closing.late else []
        flags = ["late"] if closing.late else []
        if closing.complete and not closing.late:
            self._journal.forget(closing.records)
        else:
            self._journal.assign(closing.key, closing.records)
        if closing.late and not stored and self._journal.newest_revision(closing.key) >= 0:
            self._refuse(closing)
            return
        row = self._journal.add_row(self._merged(closing, [*closing.records, *stored], flags))
        if closing.complete and closing.late:
            self._journal.delete_records(closing.key)
        if row.revision == 0:
            self.count += 1
            if self.count % _THIN_EVERY == 0 and self._merge.per_process == "recent":
                self._journal.thin_details()
            if row.key.kind is Kind.EPOCH:
                self._epochs.ended(row, closing.records)
        self._showing.add(row, now)

    def _merged(self, closing: Closing, records: list[Record], flags: list[str]) -> Row:
        key, revision = closing.key, closing.revision
        if closing.late:
            revision = max(revision, self._journal.newest_revision(key) + 1)
        merged = merge(
            records,
            hosts=self._hosts,
            reduce=self._merge.reduce,
            keep=self._merge.per_process != "none",
        )
        missing, absent = self._left_out(closing, merged)
        flags += [f"diverged:{name}" for name in merged.diverged]
        self._complain(key, merged)
        return Row(
            key=key,
            revision=revision,
            epoch=merged.epoch,
            time=time.time(),
            metrics=merged.metrics,
            processes=merged.processes,
            missing=missing,
            absent=absent,
            spreads=merged.spreads,
            non_finite=merged.non_finite,
            flags=tuple(flags),
            per_process=merged.per_process,
        )

    def _left_out(
        self, closing: Closing, merged: Merged
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Who is missing and absent; of a row from before a restart the clock does not know it."""
        key, first = closing.key, None
        if closing.late:
            first = self._journal.row(key.attempt, key.mode, key.step, key.kind, key.n)
        if first is None:
            return closing.missing, closing.absent
        there = frozenset(merged.processes)
        return (
            tuple(p for p in first.missing if p not in there),
            tuple(p for p in first.absent if p not in there),
        )

    def _refuse(self, closing: Closing) -> None:
        """Keeps records as events whose row can no longer be merged with what it was made of."""
        key = closing.key
        for record in closing.records:
            text = (
                f"process {record.process} sent a record of the {key.kind.label} row of mode "
                f"{key.mode!r} at step {key.step} after it had said that it was past it: "
                "its values are in this event, not in the row"
            )
            values = {s.metric.key: repr(s.columns) for s in record.states()}
            event = Event("too_late", text, key.mode, fields=values)
            self._intake.event(event, process=record.process, step=key.step, attempt=key.attempt)
        self._journal.delete_records(key)

    def _complain(self, key: RowKey, merged: Merged) -> None:
        """Names what was left out of a row, once for each process, key and mode."""
        for problem in merged.problems:
            if self._first_time("metric_error", problem.process, problem.key, key.mode):
                text = (
                    f"{problem.key!r} of mode {key.mode!r} at step {key.step}"
                    f" on process {problem.process}: {problem.reason}"
                )
                event = Event("metric_error", text, key.mode, problem.key)
                self._intake.event(
                    event, process=problem.process, step=key.step, attempt=key.attempt
                )
        for process in merged.replaced:
            if self._first_time("replaced", process, "", key.mode):
                text = (
                    f"process {process} logged the {key.kind.label} row of mode {key.mode!r} at "
                    f"step {key.step} in two lives: the later counts"
                )
                event = Event("replaced", text, key.mode)
                self._intake.event(event, process=process, step=key.step, attempt=key.attempt)

    def _first_time(self, *mark: object) -> bool:
        if mark in self._told or len(self._told) >= _TOLD:
            return False
        self._told.add(mark)
        return True

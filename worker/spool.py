"""This process's records, from the moment they are numbered until acknowledged.

One folder, segments of about 8 MiB named ``<process>-<incarnation>.<segment>``::

    3-00c0ffee00c0ffee.000001   header │ frame │ frame │ …       acked: deleted
    3-00c0ffee00c0ffee.000002   header │ frame │ …               being written

The header is a serialized `pb.Hello`: who wrote it, where, in which life. A
frame is a serialized `pb.WorkerMessage`: a batch with one block and the schemas
not yet used in its segment, or a Hello that adds the job_id once it is known. So
a segment can be sent on by anyone who finds it.
"""

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.codec import encode_block, schema_id, schema_message
from ..proto.records import Draft, Gap
from .segments import DiskSegment, MemorySegment, Segment

_log = logging.getLogger(__name__)

_BLOCK_BYTES = 64 << 10


@dataclasses.dataclass(slots=True, eq=False)
class _Span:
    segment: Segment
    first: int
    last: int


class Spool:
    """Numbers records and keeps them until `ack`.

    One thread appends, one thread reads and acknowledges; properties may be
    read by any. Reading goes forward with constant memory.

    Args:
        folder: made when first needed; None keeps everything in memory.
        hello: who writes; process, incarnation and restores go into blocks.
        segment_bytes: a new segment starts beyond it.
        fsync: whether each append survives a loss of power.

    Attributes:
        on_gap: told, once each, of numbers that cannot be read back from disk.
    """

    def __init__(
        self,
        folder: Path | None,
        hello: pb.Hello,
        *,
        segment_bytes: int = 8 << 20,
        fsync: bool = False,
    ) -> None:
        self._folder = folder
        self._hello = pb.Hello()
        self._hello.CopyFrom(hello)
        self._segment_bytes = segment_bytes
        self._fsync = fsync
        self._lock = threading.Lock()
        self._spans: list[_Span] = []
        self._writing: _Span | None = None
        self._segments = 0
        self._in_segment: set[int] = set()
        self._schemas: dict[int, pb.Schema] = {}
        self._last = 0
        self._acked = 0
        self._job_id = hello.job_id
        self._gaps: set[Gap] = set()
        self._spoiled = False
        self.on_gap: Callable[[Gap], None] = lambda _: None
        self._cursor: tuple[int, _Span, int | None] | None = None

    @property
    def last_seq(self) -> int:
        """The last number given, 0 before the first."""
        return self._last

    @property
    def acked(self) -> int:
        """The last number known to be committed."""
        return self._acked

    # ------------------------------------------------------------- writing

    def append(self, drafts: Sequence[Draft]) -> int:
        """Numbers and keeps `drafts`; returns the last number.

        Raises:
            OSError: the disk refused. `last_seq` says how many were kept; the
                rest may be given again and goes to a new segment.
        """
        for run in _runs(drafts):
            try:
                self._write(run)
            except OSError:
                self._seal()
                raise
        if self._fsync and self._writing is not None:
            self._writing.segment.sync()
        return self._last

    def _write(self, run: list[Draft]) -> None:
        span = self._open_span()
        hello = self._hello
        first = self._last + 1
        id = schema_id(run[0].schema)
        if id not in self._schemas:
            self._schemas[id] = schema_message(run[0].schema)
        batch = pb.Batch(
            blocks=[encode_block(hello.process, hello.incarnation, hello.restores, first, run)]
        )
        if id not in self._in_segment:
            batch.schemas.append(self._schemas[id])
        span.segment.append(pb.WorkerMessage(batch=batch).SerializeToString())
        self._in_segment.add(id)
        with self._lock:
            span.last = self._last = first + len(run) - 1

    def _open_span(self) -> _Span:
        span = self._writing
        if span is not None and (self._spoiled or span.segment.size >= self._segment_bytes):
            self._spoiled = False
            self._seal()
            span = None
        if span is None:
            span = self._new_span()
        if self._hello.job_id != self._job_id:
            self._hello.job_id = self._job_id
            span.segment.append(pb.WorkerMessage(hello=self._hello).SerializeToString())
        return span

    def _new_span(self) -> _Span:
        self._hello.job_id = self._job_id
        self._segments += 1
        segment: Segment
        if self._folder is None:
            segment = MemorySegment()
        else:
            name = f"{self._hello.process}-{self._hello.incarnation:016x}.{self._segments:06d}"
            segment = DiskSegment(self._folder / name, self._hello.SerializeToString())
        self._in_segment.clear()
        span = self._writing = _Span(segment, self._last + 1, self._last)
        with self._lock:
            self._spans.append(span)
        return span

    def _seal(self) -> None:
        span, self._writing = self._writing, None
        if span is not None:
            span.segment.seal()
            self._drop_acked()

    def identify(self, job_id: str) -> None:
        """The job is known: from the next append on it is in the segments."""
        self._job_id = job_id

    # ------------------------------------------------------------- reading

    def read(self, after: int, max_bytes: int) -> list[pb.Block]:
        """Some blocks behind number `after`: `max_bytes` at most, but one if there is any.

        The first one may begin before ``after + 1`` if that lies inside it. What
        cannot be read back is skipped and goes to `on_gap`.

        Raises:
            OSError: the disk cannot be read now.
        """
        span, position = self._seek(after)
        if span is None:
            return []
        last = span.last
        blocks: list[pb.Block] = []
        for place, frame in span.segment.frames(position):
            for block in pb.WorkerMessage.FromString(frame).batch.blocks:
                end = block.first_seq + len(block.step) - 1
                if end <= after:
                    continue
                if blocks and len(frame) > max_bytes:
                    return blocks
                blocks.append(block)
                max_bytes -= len(frame)
                after = end
                self._cursor = (end + 1, span, place)
            if after >= last or max_bytes <= 0:
                break
        if blocks or after >= last:
            return blocks
        self._damaged(after + 1, last)
        return self.read(last, max_bytes)

    def schema(self, id: int) -> pb.Schema:
        """The schema that a block of this spool names."""
        return self._schemas[id]

    def _seek(self, after: int) -> tuple[_Span | None, int | None]:
        with self._lock:
            if self._cursor is not None:
                next_seq, span, place = self._cursor
                if next_seq == after + 1 and span.last > after and span in self._spans:
                    return span, place
            return next((s for s in self._spans if s.last > after), None), None

    def _damaged(self, first: int, last: int) -> None:
        gap = Gap(first, last, "a frame of the spool cannot be read back")
        self._spoiled = True
        if gap not in self._gaps:
            self._gaps.add(gap)
            _log.error(
                "process %d, records %d to %d: %s", self._hello.process, first, last, gap.cause
            )
            self.on_gap(gap)

    # ------------------------------------------------------- acknowledgement

    def ack(self, seq: int) -> None:
        """Everything up to `seq` is committed: whole segments below it go."""
        self._acked = max(self._acked, seq)
        self._drop_acked()

    def _drop_acked(self) -> None:
        with self._lock:
            gone = [s for s in self._spans if s.last <= self._acked and s is not self._writing]
            self._spans = [s for s in self._spans if s not in gone]
        for span in gone:
            span.segment.delete()

    def close(self) -> None:
        """Releases the files; they stay unless everything was acknowledged. Safe twice."""
        self._seal()
        if self._folder is not None and not self._spans:
            with contextlib.suppress(OSError):
                self._folder.rmdir()


def _runs(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    """Neighbours that fit into one block: one schema, about `_BLOCK_BYTES`."""
    run: list[Draft] = []
    size = 0
    for draft in drafts:
        if run and (draft.schema != run[0].schema or size > _BLOCK_BYTES):
            yield run
            run, size = [], 0
        run.append(draft)
        size += draft_bytes(draft)
    if run:
        yield run


def draft_bytes(draft: Draft) -> int:
    """About what a draft takes in a block."""
    return 40 + sum(len(v) if isinstance(v, bytes) else 8 for v in draft.values)

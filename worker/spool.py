"""This process's records, from the moment they are numbered until acknowledged.

One folder, segments of about 8 MiB named ``<process>-<incarnation>.<segment>``::

    3-00c0ffee00c0ffee.000001   header │ frame │ frame │ …       acked: deleted
    3-00c0ffee00c0ffee.000002   header │ frame │ …               being written

The header is a serialized `pb.Hello`: who wrote it, where, in which life. A
frame is a serialized `pb.WorkerMessage`: a batch with one block and the schemas
not yet used in its segment, or a Hello that adds the job_id once it is known. So
a segment can be sent on by anyone who finds it. What is lost is a block that
stands in for it: a record that could not be kept, a segment beyond the cap, a
frame that cannot be read back.
"""

import contextlib
import errno
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.codec import encode_block, schema_id, schema_message
from ..proto.gaps import GAP_SCHEMA_MESSAGE, block_span, gap_block
from ..proto.records import Draft, Gap
from ..proto.segmentfile import segment_name
from .cap import Cap
from .runs import runs
from .segments import DiskSegment, MemorySegment, OpenSegment, Segment
from .spans import Span, Spans

_log = logging.getLogger(__name__)

_MOST_SEGMENTS = 128
_SMALLEST_BYTES = 64 << 10
_UNREADABLE_S = 60.0
_DAMAGED = "it cannot be read back from the spool"


class Spool:
    """Numbers records and keeps them until `ack`.

    One thread appends, one thread reads and acknowledges; properties may be
    read by any. Reading goes forward with constant memory.

    Args:
        folder: made when first needed; None keeps everything in memory.
        hello: who writes; process, incarnation and restores go into blocks.
        cap_bytes: beyond it the oldest segments are lost, and declared so.
        segment_bytes: a new segment starts beyond it; by default a small part
            of the cap.
        fsync: whether each append survives a loss of power.
        open_segment: makes the files.
    """

    def __init__(
        self,
        folder: Path | None,
        hello: pb.Hello,
        *,
        cap_bytes: int = 1 << 30,
        segment_bytes: int | None = None,
        fsync: bool = False,
        open_segment: OpenSegment = DiskSegment,
    ) -> None:
        self._folder = folder
        self._hello = pb.Hello()
        self._hello.CopyFrom(hello)
        self._segment_bytes = segment_bytes or max(cap_bytes // _MOST_SEGMENTS, _SMALLEST_BYTES)
        self._fsync = fsync
        self._open_segment = open_segment
        self._spans = Spans()
        path_of = None if folder is None else self._path
        self._cap = Cap(self._spans, cap_bytes, self._gap_frame, path_of, self._open_file)
        self._segments = 0
        self._in_segment: set[int] = set()
        self._schemas = {int(GAP_SCHEMA_MESSAGE.id): GAP_SCHEMA_MESSAGE}
        self._last = 0
        self._acked = 0
        self._job = (hello.job_id, hello.job_started)
        self._damaged: set[Gap] = set()
        self._spoiled = False  # a schema may be in what is damaged: written again
        self._unreadable: float | None = None
        self._cursor: tuple[int, Span, int | None] | None = None

    @property
    def last_seq(self) -> int:
        """The last number given, 0 before the first."""
        return self._last

    @property
    def acked(self) -> int:
        """The last number known to be committed."""
        return self._acked

    @property
    def folder(self) -> Path | None:
        """Where it is kept; None: in memory."""
        return self._folder

    # ------------------------------------------------------------- writing

    def append(self, drafts: Sequence[Draft]) -> int:
        """Numbers and keeps `drafts`; returns the last number.

        Raises:
            OSError: the disk refused. `last_seq` says how many were kept; the
                rest may be given again and goes to a new segment.
        """
        hello = self._hello
        for run in runs(drafts):
            first = self._last + 1
            block = encode_block(hello.process, hello.incarnation, hello.restores, first, run)
            id = schema_id(run[0].schema)
            if id not in self._schemas:
                self._schemas[id] = schema_message(run[0].schema)
            self._write(block, self._last + len(run))
        self._sync()
        return self._last

    def declare(self, count: int, cause: str) -> int:
        """Numbers `count` records that could not be kept, as lost; returns the last number.

        Raises:
            OSError: the disk refused. `last_seq` says whether they were numbered.
        """
        gap = Gap(self._last + 1, self._last + count, cause)
        self._write(gap_block(self._hello, gap), gap.last)
        self._sync()
        return self._last

    def _write(self, block: pb.Block, last: int) -> None:
        try:
            span = self._open_span()
            batch = pb.Batch(blocks=[block])
            if block.schema_id not in self._in_segment:
                batch.schemas.append(self._schemas[block.schema_id])
            span.segment.append(pb.WorkerMessage(batch=batch).SerializeToString())
        except OSError:
            self._spans.seal()
            raise
        self._in_segment.add(block.schema_id)
        self._last = last
        self._spans.grow(span, last)
        self._cap.keep()

    def _sync(self) -> None:
        if self._fsync and self._spans.writing is not None:
            try:
                self._spans.writing.segment.sync()
            except OSError:
                self._spans.seal()
                raise

    def _open_span(self) -> Span:
        span = self._spans.writing
        if span is not None and (self._spoiled or span.segment.size >= self._segment_bytes):
            if self._fsync:
                span.segment.sync()
            self._spans.seal()
            span = None
        if span is None:
            span = self._new_span()
        if (self._hello.job_id, self._hello.job_started) != self._job:
            self._hello.job_id, self._hello.job_started = self._job
            span.segment.append(pb.WorkerMessage(hello=self._hello).SerializeToString())
        return span

    def _new_span(self) -> Span:
        self._segments += 1
        self._hello.job_id, self._hello.job_started = self._job
        self._hello.acked = self._acked
        self._in_segment.clear()
        self._spoiled = False
        if self._folder is None:
            return self._spans.open(MemorySegment(), self._segments, self._last + 1)
        segment = self._open_file(self._path(self._segments))
        return self._spans.open(segment, self._segments, self._last + 1)

    def _path(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / segment_name(self._hello.process, self._hello.incarnation, number)

    def _open_file(self, path: Path) -> Segment:
        return self._open_segment(path, self._hello.SerializeToString())

    def _gap_frame(self, gap: Gap) -> bytes:
        batch = pb.Batch(schemas=[GAP_SCHEMA_MESSAGE], blocks=[gap_block(self._hello, gap)])
        return pb.WorkerMessage(batch=batch).SerializeToString()

    def identify(self, job_id: str, job_started: float = 0.0) -> None:
        """The job is known: from the next append on it is in the segments."""
        self._job = (job_id, job_started or self._job[1])

    # ------------------------------------------------------------- reading

    def read(self, after: int, max_bytes: int) -> list[pb.Block]:
        """Some blocks behind number `after`: `max_bytes` at most, but one if there is any.

        The first one may begin before ``after + 1`` if that lies inside it. What
        cannot be read back is declared lost by a block in its place. None while
        the disk cannot be read, which is told once.
        """
        while True:
            span = self._spans.find(after)
            if span is None:
                return []
            try:
                blocks = self._read(span, after, max_bytes)
                self._unreadable = None
            except OSError as error:
                if span in self._spans and not self._lost_for_good(error):
                    return []
                blocks = []
            if blocks:
                return blocks
            if span in self._spans:  # else it was replaced meanwhile
                return [self._missing(after + 1, span.last)]

    def _read(self, span: Span, after: int, max_bytes: int) -> list[pb.Block]:
        last, position = span.last, None
        if self._cursor is not None and self._cursor[:2] == (after + 1, span):
            position = self._cursor[2]
        blocks: list[pb.Block] = []
        try:
            for block, size, place in _blocks(span, position):
                begin, end = block_span(block)
                if end <= after:
                    continue
                if (blocks and size > max_bytes) or begin > last:
                    break
                if begin > after + 1:
                    blocks.append(self._missing(after + 1, begin - 1))
                blocks.append(block)
                max_bytes -= size
                after = end
                self._cursor = (end + 1, span, place)
                if after >= last or max_bytes <= 0:
                    break
        except OSError:
            if not blocks:
                raise
        return blocks

    def _missing(self, first: int, last: int) -> pb.Block:
        gap = Gap(first, last, _DAMAGED)
        if gap not in self._damaged:
            self._damaged.add(gap)
            self._spoiled = True
            who = self._hello.process
            _log.error("process %d, records %d to %d: %s", who, first, last, _DAMAGED)
        return gap_block(self._hello, gap)

    def _lost_for_good(self, error: OSError) -> bool:
        now = time.monotonic()
        if self._unreadable is None:
            self._unreadable = now
            _log.warning("process %d: the spool cannot be read now: %s", self._hello.process, error)
        return isinstance(error, FileNotFoundError) or (
            error.errno in (errno.EIO, errno.EBADF) and now - self._unreadable > _UNREADABLE_S
        )

    def schema(self, id: int) -> pb.Schema:
        """The schema that a block of this spool names."""
        return self._schemas[id]

    # ------------------------------------------------------- acknowledgement

    def ack(self, seq: int) -> None:
        """Everything up to `seq` is committed: whole segments below it go."""
        self._acked = max(self._acked, seq)
        self._spans.drop(self._acked)

    def close(self) -> None:
        """Releases the files; they stay unless everything was acknowledged. Safe twice."""
        self._spans.close()
        if self._folder is not None and not len(self._spans):
            with contextlib.suppress(OSError):
                self._folder.rmdir()


def _blocks(span: Span, position: int | None) -> Iterator[tuple[pb.Block, int, int]]:
    """Each block, the bytes of its frame, and where the next frame begins."""
    for place, frame in span.segment.frames(position):
        for block in pb.WorkerMessage.FromString(frame).batch.blocks:
            yield block, len(frame), place

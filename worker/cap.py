"""What happens to a spool that grows too large: its oldest segments become one gap.

The gap is in the numbers' place at once, in memory; then on disk, by renaming a
small file over the newest of the segments that go. A disk that has no room even
for that gets it by deleting them first.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from ..proto.records import Gap
from .segments import MemorySegment, Segment
from .spans import Span, Spans

_log = logging.getLogger(__name__)

_TELL_AGAIN_S = 600.0
"""Without a loss for so long, the next one is told again."""

CAUSE = "the spool was over its cap (delivery.spool_cap_mb)"


class Cap:
    """Keeps the segments of a spool below a size. Used by the writing thread.

    Args:
        spans: the segments.
        limit: bytes; one segment more may be there meanwhile.
        frame: makes the frame that declares a gap.
        path_of: names the file of a segment by number; None: memory only.
        open: makes a file that holds the header alone; raises OSError.
    """

    def __init__(
        self,
        spans: Spans,
        limit: int,
        frame: Callable[[Gap], bytes],
        path_of: Callable[[int], Path] | None,
        open: Callable[[Path], Segment],
    ) -> None:
        self._spans = spans
        self._limit = limit
        self._frame = frame
        self._path_of = path_of
        self._open = open
        self._told = float("-inf")

    def keep(self) -> None:
        """Lets the oldest segments go, if there is too much; never raises."""
        size = self._spans.bytes
        old = self._spans.oldest(size - self._limit) if size > self._limit else []
        if not old:
            return
        gap = Gap(old[0].first, old[-1].last, CAUSE)
        frame = self._frame(gap)
        memory = MemorySegment()
        memory.append(frame)
        span = Span(memory, old[-1].number, gap.first, gap.last, gap=True)
        if self._spans.replace(old, span):
            self._tell()
            self._store(old, span, frame)

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told > _TELL_AGAIN_S:
            _log.error("%s: the oldest records go, declared lost", CAUSE)
        self._told = now

    def _store(self, old: list[Span], span: Span, frame: bytes) -> None:
        path = self._path_of(span.number) if self._path_of is not None else None
        segment = self._made(path, frame) if path is not None else None
        for each in old[:-1] if segment is not None else old:
            each.segment.delete()
        if path is None:
            return
        segment = segment or self._made(path, frame)
        if segment is None:
            return
        if not self._spans.exchange(span, segment):
            segment.delete()
            old[-1].segment.delete()
            return
        try:
            segment.move(path)
            old[-1].segment.close()
        except OSError:
            old[-1].segment.delete()
        if span not in self._spans:  # acked, and deleted perhaps under its former name
            segment.delete()

    def _made(self, path: Path, frame: bytes) -> Segment | None:
        segment: Segment | None = None
        try:
            segment = self._open(path.with_name(f"{path.name}.new"))
            segment.append(frame)
        except OSError:
            if segment is not None:
                with contextlib.suppress(OSError):
                    segment.delete()
            return None
        return segment

"""The segments of one spool in order: which numbers lie where, and how much there is.

One thread writes (`open`, `grow`, `seal`, `oldest`, `replace`, `exchange`), another
finds and drops meanwhile; no lock is held while the disk is at work.
"""

import dataclasses
import threading

from .segments import Segment


@dataclasses.dataclass(slots=True, eq=False)
class Span:
    """Numbers `first` to `last` in one segment; none if `last` is below `first`.

    Attributes:
        number: which segment of its spool it is.
        gap: whether it only declares its numbers lost.
    """

    segment: Segment
    number: int
    first: int
    last: int
    gap: bool = False


class Spans:
    """All segments that are still needed.

    Attributes:
        writing: the one that is appended to, if any.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[Span] = []
        self._acked = 0
        self.writing: Span | None = None

    def __contains__(self, span: Span) -> bool:
        with self._lock:
            return span in self._spans

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def bytes(self) -> int:
        """What they take together."""
        with self._lock:
            return sum(span.segment.size for span in self._spans)

    def open(self, segment: Segment, number: int, first: int) -> Span:
        """A new segment, appended to from now on."""
        span = self.writing = Span(segment, number, first, first - 1)
        with self._lock:
            self._spans.append(span)
        return span

    def grow(self, span: Span, last: int) -> None:
        """Numbers up to `last` lie in it now."""
        with self._lock:
            span.last = last

    def seal(self) -> None:
        """Nothing more is appended to the last one; it goes if nothing is in it."""
        self.writing = None
        self.drop(0)

    def find(self, after: int) -> Span | None:
        """The first one that holds a number behind `after`."""
        with self._lock:
            return next((span for span in self._spans if span.last > after), None)

    def drop(self, acked: int) -> None:
        """Deletes the segments whose numbers are all up to `acked`, or that hold none."""
        with self._lock:
            self._acked = acked = max(self._acked, acked)
            gone = [
                span
                for span in self._spans
                if span is not self.writing and (span.last <= acked or span.last < span.first)
            ]
            self._spans = [span for span in self._spans if span not in gone]
        for span in gone:
            span.segment.delete()

    def oldest(self, over: int) -> list[Span]:
        """Those that must go, and a gap before them, for at least `over` bytes; not the last."""
        with self._lock:
            found: list[Span] = []
            for span in self._spans:
                if over <= 0 or span is self.writing or span is self._spans[-1]:
                    break
                found.append(span)
                over -= 0 if span.gap else span.segment.size
            return found if any(not span.gap for span in found) else []

    def replace(self, old: list[Span], gap: Span) -> bool:
        """Puts `gap` in the place of `old`, neighbours; false if they were all acked meanwhile."""
        with self._lock:
            at = [i for i, span in enumerate(self._spans) if span in old]
            if not at:
                return False
            self._spans[at[0] : at[-1] + 1] = [gap]
            gap.first = max(gap.first, self._acked + 1)
            return True

    def exchange(self, span: Span, segment: Segment) -> bool:
        """Gives a span another segment; false if it was acked meanwhile."""
        with self._lock:
            if span not in self._spans:
                return False
            span.segment = segment
            return True

    def close(self) -> None:
        """Releases all."""
        self.seal()
        for span in self._spans:
            span.segment.close()

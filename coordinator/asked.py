"""Who waits for a merged row: `MergedRequest`s until their row is given out."""

from collections.abc import Callable

from ..proto import podlog_pb2 as pb
from ..proto.records import Kind
from ..proto.rowcodec import encode_row
from ..proto.rows import Row
from .streams import Outbox, Stream

MAX_WAITING = 1000
"""Requests for one row."""

MAX_ROWS = 10_000
"""Rows that are waited for; beyond it the oldest are forgotten: they may never come."""

Find = Callable[[str, int, Kind], Row | None]


class Asked:
    """Requests of all streams. Owned by the state thread."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waiting: dict[tuple[str, int], list[tuple[Stream, int]]] = {}

    def ask(self, stream: Stream, request: pb.MergedRequest, find: Find) -> None:
        """Answers at once if `find` has the row, else when it is given out.

        A step's row is preferred to an epoch's at the same step.
        """
        for kind in (Kind.STEP, Kind.EPOCH):
            row = find(request.mode, request.step, kind)
            if row is not None:
                self._answer(stream, request.id, row)
                return

        waiting = self._waiting.setdefault((request.mode, request.step), [])
        if (stream, request.id) not in waiting and len(waiting) < MAX_WAITING:
            waiting.append((stream, request.id))
        if len(self._waiting) > MAX_ROWS:
            del self._waiting[next(iter(self._waiting))]

    def given(self, row: Row) -> None:
        """Answers those who wait for `row`; revisions and host rows concern nobody."""
        if row.revision == 0 and row.key.n == 0 and row.key.kind is not Kind.HOST:
            for stream, number in self._waiting.pop((row.key.mode, row.key.step), ()):
                self._answer(stream, number, row)

    def forget(self, stream: Stream) -> None:
        """Drops what an ended stream asked for: it asks again when it is back."""
        for key, waiting in list(self._waiting.items()):
            left = [(s, number) for s, number in waiting if s is not stream]
            if left:
                self._waiting[key] = left
            else:
                del self._waiting[key]

    def _answer(self, stream: Stream, number: int, row: Row) -> None:
        answer = pb.MergedRow(id=number, row=encode_row(row))
        self._outbox.tell(stream, pb.CoordinatorMessage(merged_row=answer))

"""What is posted to the state thread, and what of it is dealt with again."""

import collections
import contextlib
import dataclasses
import itertools
import queue
import time
from collections.abc import Callable, Iterable

from ..proto import podlog_pb2 as pb
from .streams import Stream

Call = Callable[[], None]

_URGENT = frozenset({"heartbeat", "stop_request", "stop_answer", "failed", "stacks"})


@dataclasses.dataclass(slots=True)
class Item:
    """A call, and the stream that it is about: void once that has ended.

    Attributes:
        credit: whether the server reads on once it was dealt with.
        failed: whether it raised the last time.
    """

    call: Call
    stream: Stream | None = None
    credit: bool = False
    failed: bool = False

    def run(self) -> None:
        """Makes the call."""
        self.failed = True
        self.call()
        self.failed = False


def urgent(stream: Stream, message: pb.WorkerMessage) -> bool:
    """Whether others may wait for what it says: then it does not stand in line behind records."""
    return stream.welcomed and message.WhichOneof("body") in _URGENT


def give_back(items: Iterable[Item]) -> None:
    """Lets the server read on for what was dealt with."""
    for item in items:
        if item.credit and item.stream is not None:
            item.stream.taken()


class Mailbox:
    """A queue that anybody fills and one thread empties."""

    def __init__(self) -> None:
        self._queue: queue.PriorityQueue[tuple[bool, int, Item]] = queue.PriorityQueue()
        self._count = itertools.count()
        self._again: collections.deque[Item] = collections.deque()

    def put(
        self,
        call: Call,
        stream: Stream | None = None,
        *,
        credit: bool = False,
        urgent: bool = False,
    ) -> None:
        """Adds a call, in front of all that are not urgent if it is; from any thread."""
        self._queue.put((not urgent, next(self._count), Item(call, stream, credit)))

    def next(self, timeout: float) -> Item | None:
        """The next one, or None if there is none within `timeout` seconds."""
        if self._again:
            return self._again.popleft()
        try:
            return self._queue.get(timeout > 0, timeout)[2]
        except queue.Empty:
            return None

    def again(self, items: Iterable[Item]) -> None:
        """Puts items in front, in their order."""
        self._again.extendleft(reversed(list(items)))

    def turn_away(self, seconds: float, turn: Callable[[Stream], None]) -> None:
        """For so long turns streams away with `turn`; what others say is kept."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                item = self._queue.get(timeout=left)[2]
            except queue.Empty:
                return
            if item.stream is None:
                self._again.append(item)
            else:
                turn(item.stream)
                give_back([item])

    def empty(self, miss: Callable[[Stream], None]) -> None:
        """Runs what is there; what it raises is dropped.

        What streams say is not heard any more: they are handed to `miss`.
        """
        while (item := self.next(0.0)) is not None:
            with contextlib.suppress(Exception):
                if item.stream is None:
                    item.call()
                else:
                    miss(item.stream)
            give_back([item])

"""What was sent on a stream and is not yet acknowledged; pure."""

from collections import deque

_QUICK_S = 1.0
_SLOW_S = 5.0
_BATCH_BYTES = 256 << 10


class Window:
    """Bounds the bytes in flight and says where sending continues.

    It begins small, doubles with each ack that comes within a second and halves
    with each that takes more than five: a heartbeat never stands behind more
    than a few seconds of batches, however slow the link, and little is sent
    again after a break.

    Args:
        largest: bytes that may be unacknowledged before sending pauses; a
            single batch may go over it.
        smallest: where it begins, and the least it falls to.
    """

    def __init__(self, largest: int = 4 << 20, smallest: int = 256 << 10) -> None:
        self._largest = largest
        self._smallest = min(smallest, largest)
        self._limit = self._smallest
        self._flight: deque[tuple[int, int, float]] = deque()
        self._bytes = 0
        self._sent = 0
        self._acked = 0

    @property
    def sent(self) -> int:
        """The last sequence number sent on this stream, or acknowledged before it."""
        return self._sent

    @property
    def acked(self) -> int:
        """The last acknowledged sequence number; never goes back."""
        return self._acked

    @property
    def bytes(self) -> int:
        """Bytes sent and not acknowledged."""
        return self._bytes

    @property
    def limit(self) -> int:
        """Bytes that may be in flight now."""
        return self._limit

    @property
    def batch_bytes(self) -> int:
        """How large a batch should be: a quarter of the window at most."""
        return min(_BATCH_BYTES, self._limit // 4)

    def may_send(self) -> bool:
        """Whether another batch may go."""
        return self._bytes < self._limit

    def add(self, seq: int, size: int, now: float) -> None:
        """A batch of `size` bytes ending at `seq` was sent at `now`, in monotonic seconds."""
        self._flight.append((seq, size, now))
        self._bytes += size
        self._sent = max(self._sent, seq)

    def ack(self, seq: int, now: float) -> None:
        """Everything up to `seq` is committed."""
        self._acked = max(self._acked, seq)
        self._sent = max(self._sent, self._acked)
        since = None
        while self._flight and self._flight[0][0] <= self._acked:
            _, size, since = self._flight.popleft()
            self._bytes -= size
        if since is not None:
            self._adapt(now - since)

    def _adapt(self, age: float) -> None:
        if age <= _QUICK_S:
            self._limit = min(2 * self._limit, self._largest)
        elif age > _SLOW_S:
            self._limit = max(self._limit // 2, self._smallest)

    def reset(self, seq: int) -> None:
        """A new stream: nothing is in flight, sending starts after the greatest ack."""
        self._flight.clear()
        self._bytes = 0
        self._limit = self._smallest
        self._acked = max(self._acked, seq)
        self._sent = self._acked

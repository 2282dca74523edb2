"""What was sent on a stream and is not yet acknowledged; pure."""

from collections import deque


class Window:
    """Bounds the bytes in flight and says where sending continues.

    Args:
        limit: bytes that may be unacknowledged before sending pauses; a single
            batch may go over it.
    """

    def __init__(self, limit: int = 4 << 20) -> None:
        self._limit = limit
        self._flight: deque[tuple[int, int]] = deque()
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

    def may_send(self) -> bool:
        """Whether another batch may go."""
        return self._bytes < self._limit

    def add(self, seq: int, size: int) -> None:
        """A batch of `size` bytes ending at `seq` was sent."""
        self._flight.append((seq, size))
        self._bytes += size
        self._sent = max(self._sent, seq)

    def ack(self, seq: int) -> None:
        """Everything up to `seq` is committed."""
        self._acked = max(self._acked, seq)
        self._sent = max(self._sent, self._acked)
        while self._flight and self._flight[0][0] <= self._acked:
            self._bytes -= self._flight.popleft()[1]

    def reset(self, seq: int) -> None:
        """A new stream: nothing is in flight, sending starts after the greatest ack."""
        self._flight.clear()
        self._bytes = 0
        self._acked = max(self._acked, seq)
        self._sent = self._acked

"""Bytes that were received and wait for the state thread, bounded; for one event loop."""

import asyncio
import collections

from ..proto.chunks import LARGEST_MESSAGE, Joiner
from ..proto.errors import UnavailableError

STREAM_BYTES = 8 << 20
"""Of one stream, not yet dealt with; one message may go over it."""

SERVER_BYTES = 64 << 20
"""Of all streams together, likewise."""

JOINED_BYTES = 256 << 20
"""Of all messages in chunks together, from their first piece until they are dealt with."""

SMALLEST = 16 << 10
"""What a small message counts for: it costs more than its bytes."""


class FullError(UnavailableError):
    """There is no room for this now: the worker comes again."""


class Budget:
    """A number of bytes; who finds none left waits, in order of asking.

    Args:
        limit: bytes after which others wait.

    Attributes:
        used: bytes taken and not given back.
    """

    def __init__(self, limit: int) -> None:
        self.used = 0
        self._limit = limit
        self._waiting: collections.deque[asyncio.Future[None]] = collections.deque()

    async def take(self, size: int) -> None:
        """Waits until anything is left, then takes `size`."""
        if self._waiting or self.used >= self._limit:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._waiting.remove(turn)
                self._wake()
                raise
            self._waiting.remove(turn)
        self.used += size
        self._wake()

    def give(self, size: int) -> None:
        """Gives `size` back."""
        self.used -= size
        self._wake()

    def _wake(self) -> None:
        if self._waiting and self.used < self._limit and not self._waiting[0].done():
            self._waiting[0].set_result(None)


class Budgets:
    """What a server may hold of all its streams.

    Attributes:
        whole: messages that wait for the state thread.
        joined: bytes of messages in chunks.
    """

    def __init__(self) -> None:
        self.whole = Budget(SERVER_BYTES)
        self.joined = 0


class Share:
    """What one stream holds: messages on their way to the state thread, and chunks."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._own = Budget(STREAM_BYTES)
        self._joiner = Joiner(LARGEST_MESSAGE)
        self._joining = 0
        self._taken: collections.deque[tuple[int, int]] = collections.deque()

    @property
    def joining(self) -> bool:
        """Whether a message in chunks has begun and is not complete."""
        return self._joining > 0

    def join(self, data: bytes, last: bool) -> bytes | None:
        """Takes a piece; returns the message if this was its last.

        Raises:
            WireError: the message is too large, or an empty piece is not its last.
            FullError: all messages in chunks together are too large.
        """
        message = self._joiner.add(data, last)
        self._joining += len(data)
        self._budgets.joined += len(data)
        if self._budgets.joined > JOINED_BYTES:
            raise FullError(
                f"messages in chunks hold {JOINED_BYTES >> 20} MiB of the coordinator; try again"
            )
        return message

    async def take(self, size: int) -> None:
        """A message of `size` bytes goes to the state thread; waits while too many are there."""
        cost, joined = max(size, SMALLEST), self._joining
        await self._own.take(cost)
        try:
            await self._budgets.whole.take(cost)
        except asyncio.CancelledError:
            self._own.give(cost)
            raise
        self._joining = 0
        self._taken.append((cost, joined))

    def dealt(self) -> None:
        """The state thread has dealt with the oldest message."""
        cost, joined = self._taken.popleft()
        self._own.give(cost)
        self._budgets.whole.give(cost)
        self._budgets.joined -= joined

    def close(self) -> None:
        """The stream has ended: its unfinished message is forgotten."""
        self._joiner.clear()
        self._budgets.joined -= self._joining
        self._joining = 0

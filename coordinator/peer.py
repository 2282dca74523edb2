"""The way back to a worker on the network: a bounded queue that the event loop empties."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.chunks import FRAME, chunks
from .budget import Share

_log = logging.getLogger(__name__)

MAX_UNSENT = 10_000
"""Messages that may wait for a worker that does not read."""

MAX_UNSENT_BYTES = 32 << 20
"""Their bytes, beyond which nothing more is taken; one message may go over it."""


class GrpcPeer:
    """One stream's sending half. `send`, `end` and `taken` from any thread, never blocking.

    Args:
        loop: the server's.
        share: what the stream holds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, share: Share):
        self._loop = loop
        self._share = share
        self._queue: asyncio.Queue[bytes | _End] = asyncio.Queue()
        self._unsent = 0
        self._overflow: asyncio.Future[None] = loop.create_future()

    def send(self, message: pb.CoordinatorMessage) -> None:
        """Sends after what was sent before; see `Peer`."""
        self._post(self._put, message.SerializeToString())

    def end(self, error: Exception | None) -> None:
        """Ends the stream after what was sent; see `Peer`."""
        self._post(self._queue.put_nowait, _End(error))

    def taken(self) -> None:
        """The state thread has dealt with the oldest message of the stream."""
        self._post(self._share.dealt)

    async def write_all(self, write: Callable[[bytes], Awaitable[None]]) -> Exception | None:
        """Sends until `end` was called and returns its error."""
        writer = asyncio.ensure_future(self._write(write))
        try:
            await asyncio.wait((writer, self._overflow), return_when=asyncio.FIRST_COMPLETED)
            if writer.done():
                return writer.result()
            return ConnectionError("this worker does not read what it is sent")
        finally:
            writer.cancel()

    async def _write(self, write: Callable[[bytes], Awaitable[None]]) -> Exception | None:
        while True:
            item = await self._queue.get()
            if isinstance(item, _End):
                return item.error
            for frame in _frames(item):
                await write(frame)
            self._unsent -= len(item)

    def _put(self, data: bytes) -> None:
        if self._overflow.done():
            return
        if self._unsent > MAX_UNSENT_BYTES or self._queue.qsize() > MAX_UNSENT:
            self._overflow.set_result(None)
            return
        self._unsent += len(data)
        self._queue.put_nowait(data)

    def _post(self, call: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop has closed: the connection is gone
            _log.debug("a message for a closed connection was dropped")


class _End:
    """The last item of a peer's queue."""

    def __init__(self, error: Exception | None):
        self.error = error


def _frames(data: bytes) -> Iterator[bytes]:
    """A serialized message as the frames it travels in."""
    if len(data) <= FRAME:
        yield data
        return
    for chunk in chunks(data):
        yield pb.CoordinatorMessage(chunk=chunk).SerializeToString()

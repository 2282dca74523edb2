"""A worker's stream on the network door: what it may say, and how much.

A call without the job's token ends before a message of it is read (`Entrance`).
Frames become messages here and go, in order, to the coordinator's state thread;
what waits there is bounded for each stream and for all of them, so that a fast
or hostile peer waits and the others are served in turn.
"""

import asyncio
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.chunks import LARGEST_FRAME
from ..proto.control import Setup
from ..proto.errors import WireError
from ..proto.rpc import grpc
from .budget import Budgets, Share
from .coordinator import Coordinator
from .entrance import Context, Entrance, parse, who
from .peer import GrpcPeer
from .streams import Stream

HELLO_S = 10.0
"""How long a call may take to say who it is."""

PIECE_S = 60.0
"""How long the next piece of a message in chunks may take."""

LARGEST_HELLO = 64 << 10


class Door:
    """Serves calls of `Connect`. Used by the server's event loop only.

    Args:
        coordinator: where messages go.
        setup: how many processes may come.
        loop: the server's.
        entrance: lets calls in.

    Attributes:
        limit: streams that may be open at a time.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        setup: Setup,
        loop: asyncio.AbstractEventLoop,
        entrance: Entrance,
    ) -> None:
        self.limit = 4 * setup.process_count + 16
        self._coordinator = coordinator
        self._loop = loop
        self._entrance = entrance
        self._budgets = Budgets()

    async def connect(self, _: Any, context: Context) -> None:
        """Serves one stream from its first byte to its status."""
        try:
            await self._entrance.admit(context, "streams", self.limit, self._serve)
        except asyncio.CancelledError:
            self._broke_off(context)
            raise

    async def _serve(self, context: Context) -> Exception | None:
        """Reads and writes until one side ends; returns why, None for a good end."""
        share = Share(self._budgets)
        peer = GrpcPeer(self._loop, share)
        stream: Stream | None = None
        reader: asyncio.Task[None] | None = None
        try:
            stream = await self._greet(context, peer)
            reader = asyncio.create_task(self._read(context, stream, peer, share))
            return await peer.write_all(context.write)
        except WireError as error:
            return error
        finally:
            if reader is not None:
                reader.cancel()
            share.close()
            if stream is not None:
                self._coordinator.ended(stream)

    async def _greet(self, context: Context, peer: GrpcPeer) -> Stream:
        """Reads the Hello and makes it a stream."""
        try:
            async with asyncio.timeout(HELLO_S):
                frame = await context.read()
        except TimeoutError:
            raise WireError(f"no Hello within {HELLO_S:.0f} s") from None
        message = _parse(frame)
        if message is None or message.WhichOneof("body") != "hello":
            raise WireError("the first message of a stream must be Hello")
        if len(frame) > LARGEST_HELLO:
            raise WireError(f"a Hello of {len(frame)} bytes; at most {LARGEST_HELLO} may be")
        return self._coordinator.connect(message.hello, peer, taken=peer.taken)

    async def _read(self, context: Context, stream: Stream, peer: GrpcPeer, share: Share) -> None:
        """Hands on what the worker sends until it half-closes."""
        try:
            while True:
                async with asyncio.timeout(PIECE_S if share.joining else None):
                    frame = await context.read()
                message = _parse(frame)
                if message is None:
                    self._coordinator.half_closed(stream)
                    return
                size = len(frame)
                if message.WhichOneof("body") == "chunk":
                    joined = share.join(message.chunk.data, message.chunk.last)
                    if joined is None:
                        continue
                    message, size = parse(pb.WorkerMessage, joined), len(joined)
                elif share.joining:
                    raise WireError("a message between the chunks of another")
                await share.take(size)
                self._coordinator.receive(stream, message)
        except TimeoutError:
            peer.end(WireError(f"no further chunk of a message within {PIECE_S:.0f} s"))
        except Exception as error:
            peer.end(error)

    def _broke_off(self, context: Context) -> None:
        """Counts a stream that ended without our doing; gRPC does not say why."""
        if not self._entrance.closing:
            text = f"its connection is gone, or a frame was larger than {LARGEST_FRAME} bytes"
            self._entrance.refusals.count("broken off", who(context), text)


def _parse(frame: Any) -> pb.WorkerMessage | None:
    """The message in a frame, None at the end of the stream.

    Raises:
        WireError: not a message, or one that should have come in chunks.
    """
    if frame is grpc.aio.EOF:  # type: ignore[attr-defined]
        return None
    return parse(pb.WorkerMessage, frame, LARGEST_FRAME, ": use chunks")

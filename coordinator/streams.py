"""Who is connected: the two halves of a connection as the coordinator sees them."""

import dataclasses
import time
from collections.abc import Callable
from typing import Protocol

from ..proto import podlog_pb2 as pb
from ..proto.codec import read_schema
from ..proto.errors import WireError
from ..proto.records import Schema

MAX_SCHEMAS = 20_000
MAX_SCHEMA_BYTES = 16 << 20
"""Of all schemas of a stream, after which it takes no more: a new stream begins anew."""


class Peer(Protocol):
    """The way back to a worker. Called by the state thread; never blocks, never raises."""

    def send(self, message: pb.CoordinatorMessage) -> None:
        """Hands a message over, in order; dropped once the connection is gone."""

    def end(self, error: Exception | None) -> None:
        """Ends the connection after what was sent; only the first call counts.

        Args:
            error: None for a good end, `RefusedError` for good, `WireError`
                for a broken message, anything else is worth another try.
        """


@dataclasses.dataclass(eq=False)
class Stream:
    """One connection of one incarnation, from its Hello to its end.

    Owned by the state thread; the server and in-process sessions only pass it
    back with each message.

    Attributes:
        taken: called when a message has been dealt with, so that the server
            may read the next one.
        alive: false once it has ended, here or there.
        welcomed: the coordinator took it; before that it changes nothing.
        met: a record or last word of it was taken; before that it is in memory only.
        attempt: the number that it was told.
        beat: its last heartbeat before the run was open, and when that came (wall clock).
    """

    hello: pb.Hello
    peer: Peer
    taken: Callable[[], None]
    alive: bool = True
    welcomed: bool = False
    met: bool = False
    attempt: int = 0
    beat: tuple[pb.Heartbeat, float] | None = None
    schemas: dict[int, Schema] = dataclasses.field(default_factory=dict)
    schema_bytes: int = 0

    @property
    def name(self) -> str:
        """Process and host, for messages."""
        return f"process {self.hello.process} on {self.hello.host or 'an unnamed host'}"

    def learn(self, message: pb.Schema) -> bool:
        """Keeps a schema; true if this stream did not have it.

        Raises:
            WireError: not a schema, or far too many of them.
        """
        if message.id in self.schemas:
            return False
        if len(self.schemas) >= MAX_SCHEMAS or self.schema_bytes >= MAX_SCHEMA_BYTES:
            raise WireError(f"{self.name}: too many schemas on one stream ({len(self.schemas)})")
        self.schema_bytes += message.ByteSize()
        self.schemas[message.id] = read_schema(message)
        return True


class Outbox:
    """What workers are told once the journal has it. Owned by the state thread.

    Attributes:
        streams: the open ones, by process; only `Present` changes it.
    """

    def __init__(self) -> None:
        self.streams: dict[int, Stream] = {}
        self._messages: list[tuple[Stream, pb.CoordinatorMessage]] = []
        self._acks: dict[tuple[Stream, int], None] = {}

    def tell(self, stream: Stream, message: pb.CoordinatorMessage) -> None:
        """Keeps a message until `flush`."""
        self._messages.append((stream, message))

    def tell_process(self, process: int, message: pb.CoordinatorMessage) -> bool:
        """As `tell`, where a process is connected; false if it is not."""
        stream = self.streams.get(process)
        if stream is not None:
            self.tell(stream, message)
        return stream is not None

    def tell_all(self, message: pb.CoordinatorMessage, *, but: int | None = None) -> None:
        """As `tell`, to every process that is connected, one aside."""
        for process, stream in self.streams.items():
            if process != but:
                self.tell(stream, message)

    def ack(self, stream: Stream, incarnation: int) -> None:
        """A stream is to be told up to where an incarnation is stored, if that is anywhere.

        Of an incarnation that is not its own it hears in any case.
        """
        self._acks[stream, incarnation] = None

    def flush(self, stored: Callable[[int], int]) -> None:
        """Sends everything, in order, then the acks; call it after the commit.

        Args:
            stored: up to which number an incarnation is stored.
        """
        messages, self._messages = self._messages, []
        acks, self._acks = self._acks, {}
        for stream, message in messages:
            if message.HasField("heartbeat_reply"):
                message.heartbeat_reply.replied = time.time()
            stream.peer.send(message)
        for stream, incarnation in acks:
            seq = stored(incarnation)
            if seq or incarnation != stream.hello.incarnation:
                ack = pb.Ack(incarnation=incarnation, seq=seq)
                stream.peer.send(pb.CoordinatorMessage(ack=ack))

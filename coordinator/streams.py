"""Who is connected: the two halves of a connection as the coordinator sees them."""

import dataclasses
from collections.abc import Callable
from typing import Protocol

from ..proto import podlog_pb2 as pb
from ..proto.codec import read_schema
from ..proto.errors import WireError
from ..proto.records import Schema

MAX_SCHEMAS = 100_000


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
    """

    hello: pb.Hello
    peer: Peer
    taken: Callable[[], None]
    alive: bool = True
    welcomed: bool = False
    schemas: dict[int, Schema] = dataclasses.field(default_factory=dict)

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
        if len(self.schemas) >= MAX_SCHEMAS:
            raise WireError(f"{self.name}: more than {MAX_SCHEMAS} schemas on one stream")
        self.schemas[message.id] = read_schema(message)
        return True


class Outbox:
    """What workers are told once the journal has it. Owned by the state thread."""

    def __init__(self) -> None:
        self._messages: list[tuple[Stream, pb.CoordinatorMessage]] = []

    def tell(self, stream: Stream, message: pb.CoordinatorMessage) -> None:
        """Keeps a message until `flush`."""
        self._messages.append((stream, message))

    def flush(self) -> None:
        """Sends everything, in order; call it after the commit."""
        messages, self._messages = self._messages, []
        for stream, message in messages:
            stream.peer.send(message)

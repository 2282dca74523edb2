"""Who is connected: the two halves of a connection as the coordinator sees them."""

import dataclasses
import importlib.metadata
import time
from collections.abc import Callable
from typing import Protocol

from ..proto import podlog_pb2 as pb
from ..proto.codec import read_schema
from ..proto.config import TimingConfig
from ..proto.control import Setup
from ..proto.errors import RefusedError, WireError
from ..proto.records import Schema

PROTOCOL = 1
VERSION = importlib.metadata.version("podlog")
SEND_INTERVAL_S = 0.2
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


def check_hello(hello: pb.Hello, setup: Setup) -> None:
    """Raises `RefusedError` for a process that cannot belong to the job."""
    who = f"process {hello.process} on {hello.host or 'an unnamed host'}"
    if hello.protocol != PROTOCOL:
        raise RefusedError(
            f"{who} speaks protocol {hello.protocol} (podlog {hello.podlog_version}), this "
            f"coordinator {PROTOCOL} (podlog {VERSION}): install one version everywhere"
        )
    if hello.job_id and hello.job_id != setup.job_id:
        raise RefusedError(
            f"{who} belongs to job {hello.job_id}, this coordinator to job {setup.job_id}"
        )
    if hello.process >= setup.process_count or hello.process_count != setup.process_count:
        raise RefusedError(
            f"{who} is one of {hello.process_count} processes, "
            f"but this coordinator's job has {setup.process_count}"
        )


def welcome(stream: Stream, setup: Setup, timing: TimingConfig, ack: int) -> pb.CoordinatorMessage:
    """The answer to a Hello."""
    hello = stream.hello
    warnings: list[str] = []
    if hello.podlog_version != VERSION:
        warnings.append(
            f"{stream.name} runs podlog {hello.podlog_version}, its coordinator podlog {VERSION}"
        )
    return pb.CoordinatorMessage(
        welcome=pb.Welcome(
            incarnation=hello.incarnation,
            ack=ack,
            podlog_version=VERSION,
            job_id=setup.job_id,
            send_interval_s=min(5.0, SEND_INTERVAL_S * max(1.0, setup.process_count / 256)),
            heartbeat_s=timing.heartbeat_s,
            warnings=warnings,
        )
    )


def heartbeat_reply(heartbeat: pb.Heartbeat) -> pb.CoordinatorMessage:
    """The answer to a heartbeat."""
    now = time.time()
    reply = pb.HeartbeatReply(sent=heartbeat.sent, received=now, replied=now)
    return pb.CoordinatorMessage(heartbeat_reply=reply)

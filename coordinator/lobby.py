"""Where processes wait until process 0 has opened the run: nothing is stored, nothing acked."""

import time
from collections.abc import Sequence

from ..proto import podlog_pb2 as pb
from ..proto.control import Setup
from ..proto.errors import UnavailableError
from .messages import heartbeat_reply, welcome
from .streams import Stream

MAX_BYTES = 256 << 20
"""Of everything that is held."""

_LAST_WORDS = frozenset({"failed", "finalize", "goodbye"})


class Lobby:
    """Streams and what they sent before the first `Open`. Owned by the state thread.

    What is held is bounded by the workers' windows: they send no more before
    they get acks. Who does ends with `UnavailableError`, to come again.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._bytes = 0
        self._streams: list[Stream] = []
        self._held: list[tuple[Stream, pb.WorkerMessage]] = []
        self._left: dict[int, tuple[Stream, list[pb.WorkerMessage]]] = {}

    @property
    def streams(self) -> Sequence[Stream]:
        """Who is here."""
        return self._streams

    @property
    def visited(self) -> bool:
        """Whether anybody ever came."""
        return bool(self._streams or self._left)

    def join(self, stream: Stream) -> None:
        """Welcomes a stream."""
        stream.welcomed = True
        stream.peer.send(welcome(stream, self._setup, None, 0))
        self._streams.append(stream)

    def hold(self, stream: Stream, message: pb.WorkerMessage) -> None:
        """Keeps a message for later; heartbeats are answered."""
        if message.WhichOneof("body") == "heartbeat":
            stream.beat = (message.heartbeat, time.time())
            stream.peer.send(heartbeat_reply(message.heartbeat))
            return
        size = message.ByteSize()
        if self._bytes + size > MAX_BYTES:
            raise UnavailableError(f"{stream.name} sent too much before the run was opened")
        self._bytes += size
        self._held.append((stream, message))

    def leave(self, stream: Stream) -> None:
        """Forgets a stream that ended, and what it sent: it was not acked.

        That its process was here, and what it said last, is kept.
        """
        mine = [message for s, message in self._held if s is stream]
        if any(s is stream for s in self._streams):
            words = [m for m in mine if m.WhichOneof("body") in _LAST_WORDS]
            self._left.pop(stream.hello.process, None)
            self._left[stream.hello.process] = (stream, words)
        self._streams = [s for s in self._streams if s is not stream]
        if mine:
            self._held = [(s, message) for s, message in self._held if s is not stream]
            self._bytes = sum(message.ByteSize() for _, message in self._held)

    def empty(self) -> tuple[list[Stream], list[tuple[Stream, pb.WorkerMessage]]]:
        """Everyone and everything held, in order; nobody waits here afterwards."""
        streams, self._streams = self._streams, []
        held, self._held = self._held, []
        self._bytes = 0
        return streams, held

    def left(self) -> list[tuple[Stream, list[pb.WorkerMessage]]]:
        """The last stream of each process that was here and is not, and its last words."""
        here = {stream.hello.process for stream in self._streams}
        return [gone for process, gone in self._left.items() if process not in here]

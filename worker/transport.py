"""gRPC under the link: opens a stream to the coordinator and maps its errors."""

import queue
import threading
import time
from collections.abc import Callable, Iterator

from ..proto import podlog_pb2 as pb
from ..proto.channel import SERVICE, metadata, open_channel
from ..proto.chunks import FRAME, Joiner, chunks
from ..proto.contact import Contact
from ..proto.errors import PodlogError, RefusedError, UnavailableError
from ..proto.rpc import grpc
from ..proto.session import Connector, Flow, Receiver, Session

METHOD = f"/{SERVICE}/Connect"
_PIECE = 64 << 10  # small: each that the network takes shows that it still moves

_PERMANENT = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)


class EndedError(UnavailableError):
    """The coordinator ended a stream in order, though this side had more to say."""


def grpc_connector(contact: Callable[[], Contact]) -> Connector:
    """Connects to wherever `contact` says; it is asked again at each connect.

    Args:
        contact: may block a bounded time; raises `UnavailableError` if the
            coordinator is not known yet.
    """

    def connect(receiver: Receiver) -> Session:
        return _Stream(contact(), receiver)

    return connect


def error_of(status: grpc.StatusCode, details: str, address: str) -> PodlogError:
    """The one place where a status becomes permanent or retryable.

    UNAUTHENTICATED is retried: a coordinator that was started again may have
    a new token, which the next contact brings.
    """
    text = f"coordinator {address}: {status.name}: {details}"
    if status is grpc.StatusCode.UNAUTHENTICATED:
        text += " (does PODLOG_TOKEN, if set, belong to this job?)"
    return RefusedError(text) if status in _PERMANENT else UnavailableError(text)


class _Stream:
    """One call of Connect. Owns its channel and the thread that reads replies.

    The first `close` ends our side after what was sent, the second cancels.
    gRPC asks for the next frame once the network has taken the one before: the
    coordinator's flow control holds about 256 KiB on their way, not more.
    """

    def __init__(self, contact: Contact, receiver: Receiver) -> None:
        self._address = contact.address
        self._receiver = receiver
        self._out: queue.SimpleQueue[pb.WorkerMessage | None] = queue.SimpleQueue()
        self._closing = False
        self._lock = threading.Lock()
        self._taken = self._waiting = 0
        self._since = 0.0
        self._channel = open_channel(contact)
        try:
            call = self._channel.stream_stream(
                METHOD,
                request_serializer=pb.WorkerMessage.SerializeToString,
                response_deserializer=pb.CoordinatorMessage.FromString,
            )
            self._call = call(self._requests(), metadata=metadata(contact))
            self._reader = threading.Thread(target=self._read, name="podlog-reader", daemon=True)
            self._reader.start()
        except Exception:
            self._out.put(None)
            self._channel.close()
            raise

    @property
    def flow(self) -> Flow:
        with self._lock:
            return Flow(self._taken, self._waiting, self._since)

    def send(self, message: pb.WorkerMessage) -> None:
        with self._lock:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting += 1
        self._out.put(message)

    def close(self) -> None:
        if self._closing:
            self._call.cancel()  # type: ignore[no-untyped-call]
        self._closing = True
        self._out.put(None)

    def _requests(self) -> Iterator[pb.WorkerMessage]:
        while (message := self._out.get()) is not None:
            for frame in _frames(message):
                yield frame
                with self._lock:
                    self._taken += 1
            with self._lock:
                self._waiting -= 1

    def _read(self) -> None:
        error: Exception | None = None
        joiner = Joiner()
        try:
            for message in self._call:
                if message.WhichOneof("body") != "chunk":
                    self._receiver.received(message)
                elif (whole := joiner.add(message.chunk.data, message.chunk.last)) is not None:
                    self._receiver.received(pb.CoordinatorMessage.FromString(whole))
            if not self._closing:
                error = EndedError(f"coordinator {self._address}: ended the stream")
        except grpc.RpcError:
            if not (self._closing and self._call.code() is grpc.StatusCode.CANCELLED):
                error = error_of(self._call.code(), self._call.details() or "", self._address)
        except Exception as unexpected:
            self._call.cancel()  # type: ignore[no-untyped-call]
            error = UnavailableError(f"coordinator {self._address}: {unexpected!r}")
        finally:
            self._out.put(None)
            self._channel.close()
        self._receiver.ended(error)


def _frames(message: pb.WorkerMessage) -> Iterator[pb.WorkerMessage]:
    """The message itself, or if it is large its pieces."""
    if message.ByteSize() <= FRAME:
        yield message
        return
    for chunk in chunks(message.SerializeToString(), _PIECE):
        yield pb.WorkerMessage(chunk=chunk)

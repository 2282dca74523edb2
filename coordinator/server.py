"""The network door: gRPC on an event loop of its own, and who may speak.

One thread, ``podlog-server``, runs a `grpc.aio` server. A call without the
job's token ends before a message of it is read. Frames become messages here
and go, in order, to the coordinator's state thread; at most `CREDIT` of a
stream are there at a time, so a fast worker waits and memory stays bounded.
"""

import asyncio
import collections
import gc
import hmac
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import DecodeError

from ..proto import podlog_pb2 as pb
from ..proto.control import Setup
from ..proto.errors import ConfigError, RefusedError, WireError
from ..proto.rpc import grpc, health, health_pb2, health_pb2_grpc
from .coordinator import Coordinator
from .streams import Stream

_log = logging.getLogger(__name__)

SERVICE = "podlog.v1.Podlog"
CREDIT = 64
MAX_MESSAGE = 4 * 1024 * 1024
MAX_UNSENT = 10_000

_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
]

Context = grpc.aio.ServicerContext[Any, Any]


class Server:
    """Listens for workers. `start` and `stop` from the owner's thread.

    Attributes:
        malformed: frames that were not messages.
        refused: calls without the token, by peer.
    """

    def __init__(self, coordinator: Coordinator, setup: Setup):
        self.malformed = 0
        self.refused: collections.Counter[str] = collections.Counter()
        self._coordinator = coordinator
        self._setup = setup
        self._token = setup.token.encode()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="podlog-server", daemon=True)
        self._server: grpc.aio.Server | None = None

    def start(self) -> int:
        """Listens and returns the port.

        Raises:
            ConfigError: the address cannot be bound.
        """
        self._thread.start()
        try:
            return asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except BaseException:
            self.stop()
            raise

    def stop(self, grace: float = 1.0) -> None:
        """Ends all streams within about `grace` seconds, then the thread; safe twice."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._shut(grace), self._loop).result(grace + 10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        gc.collect()  # grpc's poller thread ends when the last of its objects is freed

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _listen(self) -> int:
        setup = self._setup
        host = f"[{setup.bind}]" if ":" in setup.bind.strip("[]") else setup.bind
        host = host.replace("[[", "[").replace("]]", "]")
        address = f"{host}:{setup.port}"
        server = grpc.aio.server(options=_OPTIONS)
        handlers = {
            "Connect": grpc.stream_stream_rpc_method_handler(
                self._connect, response_serializer=pb.CoordinatorMessage.SerializeToString
            )
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        try:
            port = self._bind(server, address)
        except RuntimeError as error:
            raise ConfigError(
                f"cannot listen on {address}: another process has the port, or the address is "
                "not one of this machine; set LoggerConfig.security.bind or another port"
            ) from error

        self._server = server
        await server.start()
        for name in ("", SERVICE):
            await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
        return port

    def _bind(self, server: grpc.aio.Server, address: str) -> int:
        if not self._setup.cert:
            return server.add_insecure_port(address)
        pair = (self._setup.key, self._setup.cert)
        return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))

    async def _shut(self, grace: float) -> None:
        if self._server is not None:
            await self._server.stop(grace)
            self._server = None
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(self, _: Any, context: Context) -> None:
        """Serves one stream from its first byte to its status."""
        if not self._allowed(context):
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED, "this coordinator serves another job (token)"
            )
        peer = _GrpcPeer(self._loop)
        stream: Stream | None = None
        reader: asyncio.Task[None] | None = None
        try:
            stream = await self._greet(context, peer)
            reader = asyncio.create_task(self._read(context, stream, peer))
            error = await peer.write_all(context.write)
        except WireError as wrong:
            error = wrong
        finally:
            if reader is not None:
                reader.cancel()
            if stream is not None:
                self._coordinator.ended(stream)

        if isinstance(error, WireError):
            self.malformed += 1
            _log.warning("a stream from %s ends: %s", context.peer(), str(error))
        if error is not None:
            await context.abort(_status(error), str(error))

    def _allowed(self, context: Context) -> bool:
        """Whether the call carries the job's token, compared in constant time."""
        given = b""
        for key, value in context.invocation_metadata() or ():
            if key == "podlog-token":
                given = value.encode() if isinstance(value, str) else value
        if hmac.compare_digest(given, self._token):
            return True

        who = context.peer().rsplit(":", 1)[0]
        self.refused[who] += 1
        if self.refused[who] == 1:
            _log.warning("refused %s: not this job's token (further ones are counted)", who)
        return False

    async def _greet(self, context: Context, peer: "_GrpcPeer") -> Stream:
        """Reads the Hello and makes it a stream."""
        message = _parse(await context.read())
        if message is None or message.WhichOneof("body") != "hello":
            raise WireError("the first message of a stream must be Hello")
        return self._coordinator.connect(message.hello, peer, taken=peer.taken)

    async def _read(self, context: Context, stream: Stream, peer: "_GrpcPeer") -> None:
        """Hands on what the worker sends until it half-closes."""
        while True:
            await peer.credit.acquire()
            try:
                message = _parse(await context.read())
            except WireError as error:
                peer.end(error)
                return
            if message is None:
                self._coordinator.half_closed(stream)
                return
            self._coordinator.receive(stream, message)


class _GrpcPeer:
    """The way back to a worker on the network: a queue that the loop empties."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self.credit = asyncio.Semaphore(CREDIT)
        self._loop = loop
        self._queue: asyncio.Queue[pb.CoordinatorMessage | _End] = asyncio.Queue()

    def send(self, message: pb.CoordinatorMessage) -> None:
        self._post(self._queue.put_nowait, message)

    def end(self, error: Exception | None) -> None:
        self._post(self._queue.put_nowait, _End(error))

    def taken(self) -> None:
        self._post(self.credit.release)

    def _post(self, call: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop has closed: the connection is gone
            _log.debug("a message for a closed connection was dropped")

    async def write_all(
        self, write: Callable[[pb.CoordinatorMessage], Awaitable[None]]
    ) -> Exception | None:
        """Sends until `end` was called and returns its error."""
        while True:
            item = await self._queue.get()
            if isinstance(item, _End):
                return item.error
            if self._queue.qsize() > MAX_UNSENT:
                return ConnectionError("this worker does not read what it is sent")
            await write(item)


class _End:
    """The last item of a peer's queue."""

    def __init__(self, error: Exception | None):
        self.error = error


def _parse(frame: Any) -> pb.WorkerMessage | None:
    """The message in a frame, None at the end of the stream.

    Raises:
        WireError: not a message.
    """
    if frame is grpc.aio.EOF:  # type: ignore[attr-defined]
        return None
    try:
        return pb.WorkerMessage.FromString(frame)
    except DecodeError as error:
        raise WireError(f"a frame of {len(frame)} bytes is not a WorkerMessage") from error


def _status(error: Exception) -> grpc.StatusCode:
    """The status that tells a worker whether to come back."""
    if isinstance(error, RefusedError):
        return grpc.StatusCode.FAILED_PRECONDITION
    if isinstance(error, WireError):
        return grpc.StatusCode.INVALID_ARGUMENT
    return grpc.StatusCode.UNAVAILABLE

"""gRPC on an event loop of its own: listens for workers and lets them in at the `Door`.

One thread, ``podlog-server``, runs a `grpc.aio` server. What strangers can do
to it is bounded: connections, streams, the time to shake hands.
"""

import asyncio
import gc
import threading
from typing import Any

from ..proto.channel import SERVICE
from ..proto.chunks import LARGEST_FRAME
from ..proto.control import Setup
from ..proto.errors import ConfigError
from ..proto.rpc import grpc, health, health_pb2, health_pb2_grpc
from .coordinator import Coordinator
from .door import Door
from .entrance import Entrance
from .launchers import Launchers
from .watchers import MOST, Watchers

HEALTH_WATCHERS = 16
"""Callers that may watch the health of this server at a time, beside those of `Watch`."""

_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 2 * LARGEST_FRAME),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_concurrent_streams", 16),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 60_000),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.bdp_probe", 0),  # else a slow network holds megabytes, and pings behind them
    ("grpc.http2.lookahead_bytes", 256 << 10),
]


class Server:
    """Listens for workers. `start` and `stop` from the owner's thread.

    Attributes:
        launchers: those that attend, to be told how the job stands.
        refusals: who was turned away.
    """

    def __init__(self, coordinator: Coordinator, setup: Setup):
        self._setup = setup
        self._loop = asyncio.new_event_loop()
        self._entrance = Entrance(setup.token)
        self._door = Door(coordinator, setup, self._loop, self._entrance)
        self.launchers = Launchers(coordinator, setup, self._loop, self._entrance)
        self._watchers = Watchers(coordinator, self._loop, self._entrance)
        self.refusals = self._entrance.refusals
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
        limit = self._door.limit + self.launchers.limit + MOST
        options = [*_OPTIONS, ("grpc.max_allowed_incoming_connections", 2 * limit + 256)]
        server = grpc.aio.server(
            options=options, maximum_concurrent_rpcs=2 * limit + HEALTH_WATCHERS
        )
        handlers = {
            "Connect": grpc.stream_stream_rpc_method_handler(self._door.connect),
            "Launch": grpc.stream_stream_rpc_method_handler(self.launchers.launch),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watchers.watch),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        servicer = _Health()
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
        self._entrance.closing = True
        if self._server is not None:
            await self._server.stop(grace)
            self._server = None
        self.refusals.report()
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Health(health.aio.HealthServicer):  # type: ignore[misc,name-defined]
    """The standard service; it needs no token, so those who watch it are few."""

    def __init__(self) -> None:
        super().__init__()
        self._watchers = 0

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802  # the service's name
        if self._watchers >= HEALTH_WATCHERS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watch already")
        self._watchers += 1
        try:
            await super().Watch(request, context)
        finally:
            self._watchers -= 1

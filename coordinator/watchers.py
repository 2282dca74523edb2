"""Calls of `Watch`: Snapshots, one after the other, until the job has settled."""

import asyncio
import contextlib
import functools
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.errors import UnavailableError, WireError
from .coordinator import Coordinator
from .entrance import Context, Entrance, parse

MOST = 16
"""Callers that may watch at a time."""

LARGEST = 1 << 10
"""Bytes of a request."""

NEWS_S = 5.0
"""What was sent is sent again if the coordinator is too busy to say more: its time is then old."""

SHORTEST_S, LONGEST_S = 0.2, 60.0
"""Between two Snapshots, whatever is asked for."""


class Watchers:
    """Serves calls of `Watch`. Used by the server's event loop only.

    Args:
        coordinator: is asked for Snapshots.
        loop: the server's.
        entrance: lets calls in.
    """

    def __init__(
        self, coordinator: Coordinator, loop: asyncio.AbstractEventLoop, entrance: Entrance
    ) -> None:
        self._watching = coordinator.watching
        self._loop = loop
        self._entrance = entrance
        self._over = asyncio.Event()
        self._watching.at_end(lambda: self._soon(self._over.set))

    async def watch(self, frame: bytes, context: Context) -> None:
        """Serves one call from its first byte to its status."""
        serve = functools.partial(self._serve, frame)
        await self._entrance.admit(context, "watchers", MOST, serve)

    async def _serve(self, frame: bytes, context: Context) -> Exception | None:
        try:
            request = parse(pb.WatchRequest, frame, LARGEST)
        except WireError as error:
            return error
        pause = min(max(SHORTEST_S, request.interval_s or 1.0), LONGEST_S)  # of NaN the shortest
        data = b""
        while True:
            found = self._ask()
            while not found.done():
                await asyncio.wait({found}, timeout=NEWS_S)
                if not found.done() and data:
                    await context.write(data)
            snapshot = found.result()
            if snapshot is None:
                return UnavailableError("the coordinator has ended")
            data = snapshot.SerializeToString()
            await context.write(data)
            if request.once or snapshot.settled:
                return None
            await self._sleep(pause)

    async def _sleep(self, pause: float) -> None:
        """Waits, but not beyond the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._over.wait()

    def _ask(self) -> "asyncio.Future[pb.Snapshot | None]":
        """How the job stands, once it is known; None: the coordinator ends unsettled."""
        found: asyncio.Future[pb.Snapshot | None] = self._loop.create_future()
        self._watching.ask(lambda snapshot: self._soon(_give, found, snapshot))
        return found

    def _soon(self, call: Any, *values: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody watches
            self._loop.call_soon_threadsafe(call, *values)


def _give(found: "asyncio.Future[pb.Snapshot | None]", snapshot: pb.Snapshot | None) -> None:
    if not found.done():
        found.set_result(snapshot)

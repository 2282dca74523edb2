"""A TCP proxy with faults: delay, little bandwidth, tiny slices, resets, one deaf direction."""

import asyncio
import dataclasses
import random
import socket
import struct
import threading
import time
from collections.abc import Coroutine
from typing import Any

_READ = 4096
_HELD = 16
"""Pieces on their way; more stay with the sender, as in a real network."""


@dataclasses.dataclass
class Faults:
    """What a `Proxy` does to bytes; may be changed at any time.

    Attributes:
        delay: seconds each way, mean and how far it strays.
        rate: bytes a second each way; 0: unbounded.
        slice: bytes handed over at a time; 0: as they come.
        reset_after: a connection is reset once a number of bytes between these went up.
        deaf_up, deaf_down: that direction is read and forgotten.
        refuse: new connections are reset at once.
        mute: new connections are taken and go nowhere.
    """

    delay: tuple[float, float] = (0.0, 0.0)
    rate: int = 0
    slice: int = 0
    reset_after: tuple[int, int] | None = None
    deaf_up: bool = False
    deaf_down: bool = False
    refuse: bool = False
    mute: bool = False


class Proxy:
    """Listens on the loopback and passes bytes on to `port` there, on a thread of its own.

    Attributes:
        faults: what it does to them.
        port: where it listens.
        connections, resets: how many so far.
    """

    def __init__(self, port: int, faults: Faults, seed: int = 7) -> None:
        self.faults = faults
        self.connections = self.resets = 0
        self._target = port
        self._tasks: set[asyncio.Task[Any]] = set()
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_READ))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def reset_all(self) -> None:
        """Breaks every connection now."""
        self._call(self._cancel_all())

    def close(self) -> None:
        self._call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _shut(self) -> None:
        self._server.close()
        while len(asyncio.all_tasks()) > 1:  # one that was just accepted is not yet ours
            await self._cancel_all()

    async def _cancel_all(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # aborted transports close their sockets

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        passing: list[asyncio.Task[None]] = []
        try:
            if self.faults.refuse:
                _linger(writer)
                return
            if self.faults.mute:
                while await reader.read(_READ):
                    continue
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._target, limit=_READ)
            ends.append(back)
            for end in ends:
                _unbuffered(end)
            limit = self.faults.reset_after
            quota = self._random.randint(*limit) if limit else None
            passing.append(asyncio.create_task(self._pass(reader, back, True, quota)))
            passing.append(asyncio.create_task(self._pass(there, writer, False, None)))
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            if quota is not None:
                for end in ends:
                    _linger(end)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in passing:
                each.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
            for end in ends:
                end.transport.abort()
            self._tasks.discard(task)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up: bool,
        quota: int | None,
    ) -> None:
        """One direction of a connection, until it ends or `quota` bytes have passed."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_HELD)
        sender = asyncio.create_task(self._send(pieces, writer))
        passed = 0
        due = 0.0
        try:
            while data := await reader.read(_READ):
                if self.faults.deaf_up if up else self.faults.deaf_down:
                    continue
                mean, stray = self.faults.delay
                due = max(due, time.monotonic() + mean + self._random.uniform(-stray, stray))
                passed += len(data)
                if quota is not None and passed > quota:
                    self.resets += 1
                    return
                await pieces.put((due, data))
        finally:
            sender.cancel()

    async def _send(
        self, pieces: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
    ) -> None:
        free = 0.0
        while True:
            due, data = await pieces.get()
            free = max(free, due, time.monotonic())
            if self.faults.rate:
                free += len(data) / self.faults.rate
            await asyncio.sleep(max(0.0, free - time.monotonic()))
            size = self.faults.slice or len(data)
            for at in range(0, len(data), size):
                writer.write(data[at : at + size])
            await writer.drain()


def _unbuffered(writer: asyncio.StreamWriter) -> None:
    """Little is held by the kernel: what is sent slowly is seen to be slow."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, 32 << 10)


def _linger(writer: asyncio.StreamWriter) -> None:
    """The close that follows is a reset."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

"""A coordinator's place on a real port: it notes what workers say, and says what a test wants."""

import contextlib
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from kit_rpc import serving

from podlog.proto import podlog_pb2 as pb
from podlog.proto.gaps import block_span

_SELDOM_S = 20.0


class Listener:
    """Welcomes everyone, acknowledges what comes, answers heartbeats.

    It asks for heartbeats and batches so seldom that what comes sooner came at once.

    Attributes:
        heard: (monotonic time, number of the stream, message), in order of arrival.
        address: where it listens.
        ahead: seconds by which its wall clock is ahead.
        heartbeat_s: what it asks for.
        acks: whether it acknowledges.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[float, int, pb.WorkerMessage]] = []
        self.ahead = 0.0
        self.heartbeat_s = _SELDOM_S
        self.acks = True
        self._streams: list[queue.SimpleQueue[pb.CoordinatorMessage | None]] = []
        self._changed = threading.Condition()
        self._server = serving(self._connect, ThreadPoolExecutor(8))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def say(self, **body: Any) -> None:
        """Sends to the stream that began last."""
        self._streams[-1].put(pb.CoordinatorMessage(**body))

    def drop(self) -> None:
        """Ends the stream that began last."""
        self._streams[-1].put(None)

    def all(self, body: str) -> list[tuple[float, int, Any]]:
        """What came of a kind."""
        with self._changed:
            return [
                (at, stream, getattr(message, body))
                for at, stream, message in self.heard
                if message.WhichOneof("body") == body
            ]

    def wait(self, body: str, count: int = 1, timeout: float = 20.0) -> tuple[float, int, Any]:
        """The message of a kind that came as the `count`th."""
        with self._changed:
            kinds = [m.WhichOneof("body") for _, _, m in self.heard]
            assert self._changed.wait_for(lambda: len(self.all(body)) >= count, timeout), (
                f"no {body} within {timeout} s, only {kinds}"
            )
            return self.all(body)[count - 1]

    def close(self) -> None:
        """Ends all streams."""
        for stream in self._streams:
            stream.put(None)
        self._server.stop(1.0).wait()

    def _connect(
        self, messages: Iterable[pb.WorkerMessage], _: grpc.ServicerContext
    ) -> Iterator[pb.CoordinatorMessage]:
        out: queue.SimpleQueue[pb.CoordinatorMessage | None] = queue.SimpleQueue()
        with self._changed:
            number = len(self._streams)
            self._streams.append(out)
        reader = threading.Thread(target=self._read, args=(messages, number, out))
        reader.start()
        try:
            while (message := out.get()) is not None:
                yield message
        finally:
            reader.join(0.0)

    def _read(self, messages: Iterable[pb.WorkerMessage], number: int, out: Any) -> None:
        incarnation = 0
        with contextlib.suppress(grpc.RpcError, Exception):
            for message in messages:
                if message.WhichOneof("body") == "hello":
                    incarnation = message.hello.incarnation
                for answer in self._answers(message, incarnation):
                    out.put(answer)
                with self._changed:
                    self.heard.append((time.monotonic(), number, message))
                    self._changed.notify_all()
        out.put(None)

    def _answers(
        self, message: pb.WorkerMessage, incarnation: int
    ) -> Iterator[pb.CoordinatorMessage]:
        match message.WhichOneof("body"):
            case "hello":
                welcome = pb.Welcome(
                    incarnation=incarnation,
                    heartbeat_s=self.heartbeat_s,
                    send_interval_s=_SELDOM_S,
                )
                yield pb.CoordinatorMessage(welcome=welcome)
                yield pb.CoordinatorMessage(opened=pb.Opened(run_id="r", attempt=1))
            case "batch":
                if message.batch.blocks and self.acks:
                    seq = block_span(message.batch.blocks[-1])[1]
                    yield pb.CoordinatorMessage(ack=pb.Ack(incarnation=incarnation, seq=seq))
            case "heartbeat":
                at = time.time() + self.ahead
                reply = pb.HeartbeatReply(sent=message.heartbeat.sent, received=at, replied=at)
                yield pb.CoordinatorMessage(heartbeat_reply=reply)

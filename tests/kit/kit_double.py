"""A coordinator that only remembers, in process or over gRPC: what a link is tested against."""

import concurrent.futures
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from kit_rpc import serving

from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import decode_block, read_schema
from podlog.proto.errors import UnavailableError
from podlog.proto.records import Record, Schema
from podlog.proto.session import Flow, Receiver


class Double:
    """Takes records by the rules of the .proto and keeps all messages.

    Attributes:
        messages: everything received, in order over all connections.
        records: accepted records; each number once and without holes.
        duplicates: how many records came again.
        connections: connections so far.
        acking, muted: whether it acknowledges; whether it is silent.
        shown: what ``merged`` requests are answered with.
    """

    def __init__(self, *, heartbeat_s: float = 5.0) -> None:
        self.cond = threading.Condition()
        self.messages: list[pb.WorkerMessage] = []
        self.records: list[Record] = []
        self.duplicates = 0
        self.connections = 0
        self.acking = True
        self.muted = False
        self.row: pb.Row | None = None
        self.heartbeat_s = heartbeat_s
        self.live: list[Conversation] = []

    def begin(
        self, send: Callable[[pb.CoordinatorMessage], None], drop: Callable[[], None]
    ) -> "Conversation":
        with self.cond:
            self.connections += 1
            conversation = Conversation(self, send, drop)
            self.live.append(conversation)
            self.cond.notify_all()
            return conversation

    def drop(self) -> None:
        """Breaks every connection."""
        with self.cond:
            live, self.live = self.live, []
        for conversation in live:
            conversation.drop()

    def send(self, message: pb.CoordinatorMessage) -> None:
        """Says something on the newest connection."""
        self.live[-1].send(message)

    def wait(self, ready: Callable[[], Any], timeout: float = 15.0) -> None:
        with self.cond:
            assert self.cond.wait_for(ready, timeout), self.kinds()

    def kinds(self) -> list[str]:
        return [str(m.WhichOneof("body")) for m in self.messages]

    def of(self, kind: str) -> list[Any]:
        return [getattr(m, kind) for m in self.messages if m.WhichOneof("body") == kind]

    def connect(self, receiver: Receiver) -> "_Session":
        """A `Connector` without a network."""
        return _Session(self, receiver)


class Conversation:
    """One connection, as the coordinator sees it."""

    def __init__(
        self,
        double: Double,
        send: Callable[[pb.CoordinatorMessage], None],
        drop: Callable[[], None],
    ) -> None:
        self._double = double
        self._schemas: dict[int, Schema] = {}
        self.send = send
        self.drop = drop

    def receive(self, message: pb.WorkerMessage) -> None:
        double = self._double
        with double.cond:
            double.messages.append(message)
            answers = self._answers(message)
            double.cond.notify_all()
        if not double.muted:
            for answer in answers:
                self.send(answer)

    def _answers(self, message: pb.WorkerMessage) -> list[pb.CoordinatorMessage]:
        double = self._double
        stored = double.records[-1].seq if double.records else 0
        match message.WhichOneof("body"):
            case "hello":
                welcome = pb.Welcome(
                    incarnation=message.hello.incarnation,
                    ack=stored if double.acking else 0,
                    job_id="job",
                    send_interval_s=0.02,
                    heartbeat_s=double.heartbeat_s,
                )
                return [pb.CoordinatorMessage(welcome=welcome)]
            case "open":
                return [pb.CoordinatorMessage(opened=pb.Opened(run_id="run", attempt=1))]
            case "batch":
                seq = self._store(message.batch, stored)
                ack = pb.Ack(incarnation=message.batch.blocks[0].incarnation if seq else 0, seq=seq)
                return [pb.CoordinatorMessage(ack=ack)] if seq and double.acking else []
            case "heartbeat":
                reply = pb.HeartbeatReply(sent=message.heartbeat.sent)
                return [pb.CoordinatorMessage(heartbeat_reply=reply)]
            case "merged_request" if double.row is not None:
                row = pb.MergedRow(id=message.merged_request.id, row=double.row)
                return [pb.CoordinatorMessage(merged_row=row)]
            case "finalize":
                verdict = pb.Verdict(status=message.finalize.status, final=True, chapter=1)
                return [pb.CoordinatorMessage(verdict=verdict)]
        return []

    def _store(self, batch: pb.Batch, stored: int) -> int:
        self._schemas |= {s.id: read_schema(s) for s in batch.schemas}
        for block in batch.blocks:
            for record in decode_block(block, self._schemas):
                if record.seq <= stored:
                    self._double.duplicates += 1
                    continue
                assert record.seq == stored + 1, f"hole before {record.seq}"
                stored = record.seq
                self._double.records.append(record)
        return stored if batch.blocks else 0


class _Session:
    def __init__(self, double: Double, receiver: Receiver) -> None:
        self._receiver = receiver
        self._open = True
        self._conversation = double.begin(receiver.received, self._dropped)

    def send(self, message: pb.WorkerMessage) -> None:
        if self._open:
            self._conversation.receive(message)

    @property
    def flow(self) -> Flow:
        return Flow()

    def close(self) -> None:
        self._end(None)

    def _dropped(self) -> None:
        self._end(UnavailableError("dropped"))

    def _end(self, error: Exception | None) -> None:
        if self._open:
            self._open = False
            self._receiver.ended(error)


class Server:
    """A `Double` behind real gRPC on loopback, which wants a token.

    Args:
        double: what answers.
        token: other tokens are refused before a message is read.
        cert, key: PEM; without them no TLS.
        refusal: ends every call with this status.
    """

    def __init__(
        self,
        double: Double,
        *,
        token: str = "secret",
        cert: bytes = b"",
        key: bytes = b"",
        refusal: grpc.StatusCode | None = None,
    ) -> None:
        self.double = double
        self.token = token
        self.refusal = refusal
        self._pool = concurrent.futures.ThreadPoolExecutor(8)
        self._server = serving(self._serve, self._pool)
        if cert:
            credentials = grpc.ssl_server_credentials([(key, cert)])
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        else:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        self.double.drop()
        self._server.stop(0).wait(5)
        self._pool.shutdown()

    def _serve(
        self, requests: Iterator[pb.WorkerMessage], context: grpc.ServicerContext
    ) -> Iterator[pb.CoordinatorMessage]:
        if self.refusal is not None:
            context.abort(self.refusal, "not here")
        if dict(context.invocation_metadata()).get("podlog-token") != self.token:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")
        out: queue.SimpleQueue[pb.CoordinatorMessage | bool] = queue.SimpleQueue()
        conversation = self.double.begin(out.put, lambda: out.put(False))
        reader = threading.Thread(target=self._read, args=(requests, conversation, out))
        reader.start()
        while not isinstance(answer := out.get(), bool):
            yield answer
        if not answer:
            context.abort(grpc.StatusCode.UNAVAILABLE, "dropped")
        reader.join()

    @staticmethod
    def _read(
        requests: Iterator[pb.WorkerMessage],
        conversation: Conversation,
        out: "queue.SimpleQueue[pb.CoordinatorMessage | bool]",
    ) -> None:
        try:
            for message in requests:
                conversation.receive(message)
        except Exception:
            out.put(False)
        else:
            out.put(True)

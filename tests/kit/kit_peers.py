"""Hand-driven workers: they say on a session exactly what a test tells them to."""

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from kit_records import record

from podlog.coordinator import Endpoint, start
from podlog.coordinator.messages import VERSION
from podlog.coordinator.tools import MemoryLogger
from podlog.proto import podlog_pb2 as pb
from podlog.proto.alive import boot_id, start_time
from podlog.proto.codec import body_draft, encode_block, schema_message
from podlog.proto.config import LoggerConfig, LoggerToolsConfig
from podlog.proto.control import Ended, Setup
from podlog.proto.records import Draft, Event, Kind, LogLine, RunConfig
from podlog.proto.rows import Row
from podlog.proto.session import PROTOCOL, Session


class Ear:
    """A receiver that keeps everything and lets a test wait for it."""

    def __init__(self) -> None:
        self.messages: list[pb.CoordinatorMessage] = []
        self.ends: list[Exception | None] = []
        self._changed = threading.Condition()

    def received(self, message: pb.CoordinatorMessage) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def ended(self, error: Exception | None) -> None:
        with self._changed:
            self.ends.append(error)
            self._changed.notify_all()

    def all(self, body: str) -> list[Any]:
        with self._changed:
            return [getattr(m, body) for m in self.messages if m.WhichOneof("body") == body]

    def wait(
        self, body: str, fits: Callable[[Any], bool] = lambda _: True, timeout: float = 10
    ) -> Any:
        """The first message of a kind that fits; fails after `timeout` seconds."""

        def found() -> Any:
            return next((m for m in self.all(body) if fits(m)), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None or self.ends, timeout), (
                f"no {body} within {timeout} s, only {self.messages}"
            )
        assert found() is not None, f"the stream ended with {self.ends} before {body}"
        return found()

    def wait_any(self, body: str, timeout: float = 10) -> bool:
        """Waits for a message of a kind, or the end; whether the message came."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.all(body) or self.ends, timeout)
            return bool(self.all(body))

    def wait_end(self, timeout: float = 10) -> Exception | None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.ends, timeout), "the stream goes on"
            return self.ends[0]


class Voice:
    """One incarnation of one process: numbers its records, sends what it is told."""

    def __init__(self, process: int = 0, processes: int = 1, incarnation: int | None = None):
        self.hello = pb.Hello(
            protocol=PROTOCOL,
            podlog_version=VERSION,
            process=process,
            process_count=processes,
            incarnation=1000 + process if incarnation is None else incarnation,
            host=f"host{process}",
            started=time.time(),
        )
        self.seq = 0
        self.ear = Ear()
        self._session: Session | None = None

    def here(self) -> "Voice":
        """Says the truth about its pid: that of this test."""
        self.hello.boot_id, self.hello.pid = boot_id(), os.getpid()
        self.hello.pid_started = start_time(os.getpid())
        return self

    def connect(self, connector: Callable[[Ear], Session]) -> "Voice":
        """Connects, says hello and waits for the welcome."""
        self.greet(connector)
        self.ear.wait("welcome")
        return self

    def come_back(self, connector: Callable[[Ear], Session], timeout: float = 20) -> "Voice":
        """Connects as often as it takes until the coordinator welcomes it."""
        deadline = time.monotonic() + timeout
        while True:
            self.greet(connector)
            if self.ear.wait_any("welcome"):
                return self
            assert time.monotonic() < deadline, f"never welcome: {self.ear.ends}"

    def greet(self, connector: Callable[[Ear], Session]) -> None:
        self.ear = Ear()
        self._session = connector(self.ear)
        self.send(hello=self.hello)

    def send(self, **body: Any) -> None:
        assert self._session is not None
        self._session.send(pb.WorkerMessage(**body))

    def open(self, **values: Any) -> pb.Opened:
        self.send(open=pb.Open(**values))
        opened: pb.Opened = self.ear.wait("opened")
        return opened

    def drafts(self, drafts: list[Draft], *, said: list[pb.Progress] | None = None) -> int:
        """Sends drafts that share a schema as the next records; returns the last number."""
        block = encode_block(self.hello.process, self.hello.incarnation, 0, self.seq + 1, drafts)
        self.seq += len(drafts)
        schema = schema_message(drafts[0].schema)
        self.send(batch=pb.Batch(schemas=[schema], blocks=[block], progress=said or []))
        return self.seq

    def log(
        self,
        step: int,
        metrics: Mapping[str, object] | None = None,
        *,
        kind: Kind = Kind.STEP,
        mode: str = "train",
        **more: Any,
    ) -> int:
        """Logs one record and says so in its progress; returns its number."""
        draft = record(self.hello.process, step, metrics, kind=kind, mode=mode, **more).draft
        said = pb.Progress(mode=mode, kind=kind.name, step=step, seq=self.seq + 1)
        return self.drafts([draft], said=[said])

    def body(self, body: LogLine | Event | RunConfig) -> int:
        return self.drafts([body_draft(body, time.time())])

    def acked(self, seq: int | None = None, timeout: float = 10) -> None:
        wanted = self.seq if seq is None else seq
        self.ear.wait("ack", lambda ack: ack.seq >= wanted, timeout)

    def finalize(self, status: str = "success") -> None:
        self.send(finalize=pb.Finalize(status=status))

    def verdict(self, timeout: float = 10) -> pb.Verdict:
        found: pb.Verdict = self.ear.wait("verdict", lambda v: v.final, timeout)
        return found

    def goodbye(self, status: str = "") -> None:
        self.send(goodbye=pb.Goodbye(status=status))
        self.close()

    def close(self) -> None:
        assert self._session is not None
        self._session.close()


def job(processes: int = 1, **more: Any) -> Setup:
    """A job without TLS, on the loopback."""
    values = {"job_id": "job-1", "started": 1000.0, "token": "ab" * 32}
    return Setup(**(values | {"process_count": processes} | more))


def local(
    config: LoggerConfig | None = None,
    tools: list[LoggerToolsConfig] | None = None,
    setup: Setup | None = None,
    *,
    listen: bool = False,
) -> Endpoint:
    """A coordinator in this process, its run open; of a pod if it listens."""
    return start(
        config or LoggerConfig(),
        setup=setup or job(),
        listen=listen,
        in_process_tools=tools or [],
    )


Make = Callable[..., Endpoint]
"""The fixture that makes endpoints."""


def last_words(endpoint: Endpoint) -> list[Ended]:
    """What the coordinator tells its owner as it ends, from now on."""
    told: list[Ended] = []
    coordinator = endpoint._coordinator
    coordinator._hooks = dataclasses.replace(coordinator._hooks, ended=told.append)
    return told


def memory(endpoint: Endpoint) -> MemoryLogger:
    """The only tool of an endpoint."""
    (tool,) = endpoint.tools
    assert isinstance(tool, MemoryLogger)
    return tool


def rows(endpoint: Endpoint) -> list[Row]:
    """What that tool was given."""
    return list(memory(endpoint).rows)

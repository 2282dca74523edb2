"""An endpoint that listens, and raw calls to it."""

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cloudpickle
import grpc
import pytest
from kit_peers import Ear, Voice

from podlog.coordinator import Endpoint, start
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.contact import Contact
from podlog.proto.control import Setup
from podlog.proto.session import Session
from podlog.worker.transport import grpc_connector

QUICK = TimingConfig(row_timeout_s=0.5, lost_after_s=0.5)


class Net:
    """An endpoint that listens, and how to reach it."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.endpoint: Endpoint = start(LoggerConfig(), setup=setup, listen=True)
        self.address = f"127.0.0.1:{self.endpoint.port}"

    def connector(self, token: str | None = None) -> Callable[[Ear], Session]:
        contact = Contact(
            self.address,
            self.setup.token if token is None else token,
            self.setup.cert,
            self.setup.job_id,
            self.setup.started,
        )
        return grpc_connector(lambda: contact)

    def voices(self, n: int) -> list[Voice]:
        return [Voice(i, n).connect(self.connector()) for i in range(n)]

    def open(self, voice: Voice, folder: Path | None, **groups: Any) -> pb.Opened:
        """Process 0 opens the run with a file tool."""
        tools = []
        if folder is not None:
            pickled = cloudpickle.dumps(FileLoggerConfig())
            tools = [pb.ToolSpec(name="files", builtin=True, pickled=pickled)]
        values = {"timing": QUICK.to_dict()} | groups
        return voice.open(log_path=str(folder or ""), config_json=json.dumps(values), tools=tools)


def call(net: Net, frames: Iterable[bytes], token: str | None = None) -> grpc.RpcError:
    """Sends raw frames on a plain channel; the error it ends with."""
    with grpc.insecure_channel(net.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        method = channel.stream_stream("/podlog.v1.Podlog/Connect")
        metadata = () if token is None else (("podlog-token", token),)
        with pytest.raises(grpc.RpcError) as caught:
            list(method(iter(frames), metadata=metadata, timeout=10))
    error: grpc.RpcError = caught.value
    return error


class Slow:
    """Frames, and then nothing until `held` is set."""

    def __init__(self, frames: list[bytes], held: threading.Event) -> None:
        self._frames = iter(frames)
        self._held = held

    def __iter__(self) -> "Slow":
        return self

    def __next__(self) -> bytes:
        for frame in self._frames:
            return frame
        self._held.wait(30)
        raise StopIteration

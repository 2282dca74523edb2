"""A tool in a process of its own: `ProcessRunner`, and the frames it speaks.

A frame is a message behind its length, 4 bytes, little endian. Requests go
down the child's stdin, one reply to each comes up its stdout.
"""

import contextlib
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import IO

from ..proto import podlog_pb2 as pb
from ..proto.errors import PodlogError, WireError
from ..proto.rowcodec import encode_item
from ..proto.rows import ConfigItem, FeedItem

_LENGTH = struct.Struct("<I")


class ToolError(PodlogError):
    """What a tool raised in its own process, as text, or that the process is gone."""


def write_frame(stream: IO[bytes], data: bytes) -> None:
    """Writes one frame and flushes."""
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame, or None at the end of the stream.

    Raises:
        WireError: the stream ends within a frame.
    """
    head = stream.read(_LENGTH.size)
    if not head:
        return None
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    data = stream.read(length)
    if len(head) < _LENGTH.size or len(data) < length:
        raise WireError("the stream ended within a frame")
    return data


class ProcessRunner:
    """Starts ``python -m podlog.coordinator.feedproc`` for one tool and speaks to it.

    A child that died is started again by the next call, from the last position
    and with the last config.

    Args:
        setup: the tool, `sys.path`, run and config; its position is set here.
        stderr: where the child's stderr and its tool's prints go; None: ours.
    """

    def __init__(self, setup: pb.FeedOpen, stderr: int | IO[bytes] | None = None) -> None:
        self._setup = setup
        self._stderr = stderr
        self._child: subprocess.Popen[bytes] | None = None
        self._position = b""
        self._config: ConfigItem | None = None
        self._closed = False
        self.ignored = 0

    def open(self, position: bytes) -> bytes:
        """Starts the child, which makes the tool and goes back to `position`."""
        self._position = position
        self._start()
        return self._position

    def deliver(self, items: Sequence[FeedItem]) -> bytes:
        """Hands over items of one type; see `ThreadRunner.deliver`."""
        if self._child is None:
            self._start()
        if isinstance(items[0], ConfigItem):
            self._config = items[0]
        self._position = self._ask(_write(items))
        return self._position

    def finalize(self, status: str) -> bytes:
        """Ends a chapter."""
        if self._child is None:
            self._start()
        self._position = self._ask(pb.FeedRequest(finalize=pb.FeedFinalize(status=status)))
        return self._position

    def close(self) -> None:
        """Closes the child's stdin, at which it ends; kills it if it does not within 5 s."""
        self._closed = True
        child, self._child = self._child, None
        if child is not None:
            _end(child, 5.0)

    def kill(self) -> None:
        """Kills the child: the call in flight raises."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()

    def _start(self) -> None:
        if self._closed:
            raise ToolError("the feed is closing")
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "podlog.coordinator.feedproc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
            env=os.environ | {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""},
        )
        setup = pb.FeedOpen()
        setup.CopyFrom(self._setup)
        setup.position = self._position
        self._position = self._ask(pb.FeedRequest(open=setup))
        if self._config is not None:
            self._ask(_write([self._config]))

    def _ask(self, request: pb.FeedRequest) -> bytes:
        child = self._child
        assert child is not None and child.stdin is not None and child.stdout is not None
        try:
            write_frame(child.stdin, request.SerializeToString())
            data = read_frame(child.stdout)
        except (OSError, WireError):
            data = None
        if data is None:
            self._child = None
            code = _end(child, 1.0)
            raise ToolError(f"the tool's process {child.pid} ended with {code}")
        reply = pb.FeedReply.FromString(data)
        if reply.error:
            raise ToolError(reply.error)
        return reply.position


def _write(items: Sequence[FeedItem]) -> pb.FeedRequest:
    return pb.FeedRequest(write=pb.FeedWrite(items=[encode_item(item) for item in items]))


def _end(child: subprocess.Popen[bytes], timeout: float) -> int:
    """Closes the pipes and reaps the child, by force if need be."""
    assert child.stdin is not None and child.stdout is not None
    with contextlib.suppress(OSError):
        child.stdin.close()
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
    finally:
        child.stdout.close()

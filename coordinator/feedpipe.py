"""A tool in a process of its own: `ProcessRunner`, and the frames it speaks.

A frame is a message behind its length, 4 bytes, little endian. Requests go
down the child's stdin, one reply to each comes up its stdout.
"""

import contextlib
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import IO

from ..proto import podlog_pb2 as pb
from ..proto.errors import PodlogError, WireError
from ..proto.rowcodec import encode_item
from ..proto.rows import ConfigItem, FeedItem
from .runners import ToolDiedError

_LENGTH = struct.Struct("<I")
_CHUNK = 1 << 16
_LONGEST_POLL_S = 3600.0


class ToolError(PodlogError):
    """What a tool raised in its own process, as text."""


class ToolAwayError(ToolError, OSError):
    """The same, where it was an OSError."""


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
    and with the last config. One that does not answer is killed.

    Args:
        setup: the tool, `sys.path`, run and config; its position is set here.
        stderr: where the child's stderr and its tool's prints go; None: ours.
        timeout_s: how long a call may take.
    """

    def __init__(
        self, setup: pb.FeedOpen, stderr: int | IO[bytes] | None = None, *, timeout_s: float = 60.0
    ) -> None:
        self._setup = setup
        self._stderr = stderr
        self._timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._position: bytes | None = None
        self._config: ConfigItem | None = None
        self._closed = False
        self.ignored = 0

    def open(self, position: bytes | None) -> bytes:
        """Starts the child, which makes the tool and goes back to `position`."""
        self._drop(1.0)
        self._position = position
        self._start()
        return self._position or b""

    def deliver(self, items: Sequence[FeedItem]) -> bytes:
        """Hands over items of one type; see `ThreadRunner.deliver`."""
        self._start()
        self._ask(_write(items))
        if isinstance(items[0], ConfigItem):
            self._config = items[0]
        return self._position or b""

    def finalize(self, status: str) -> bytes:
        """Ends a chapter."""
        self._start()
        self._ask(pb.FeedRequest(finalize=pb.FeedFinalize(status=status)))
        return self._position or b""

    def close(self) -> None:
        """Closes the child's stdin, at which it ends; kills it if it does not within 5 s."""
        self._closed = True
        self._drop(5.0)

    def kill(self) -> None:
        """Kills the child: the call in flight raises."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()

    def _start(self) -> None:
        """Starts the child, unless it is there."""
        if self._child is not None:
            return
        if self._closed:
            raise ToolError("the feed is closing")
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "podlog.coordinator.feedproc", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            start_new_session=True,
            env=os.environ | {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""},
        )
        setup = pb.FeedOpen()
        setup.CopyFrom(self._setup)
        if self._position is not None:
            setup.position = self._position
        try:
            self._ask(pb.FeedRequest(open=setup))
            if self._config is not None:
                self._ask(_write([self._config]))
        except BaseException:
            self._drop(1.0)
            raise

    def _ask(self, request: pb.FeedRequest) -> None:
        child = self._child
        assert child is not None
        data = request.SerializeToString()
        try:
            answer = _exchange(child, _LENGTH.pack(len(data)) + data, self._timeout_s)
        except TimeoutError:
            self._drop(0.0)
            what = f"did not return within {self._timeout_s:g} s"
            raise ToolDiedError(f"the tool's process {child.pid} {what}") from None
        if answer is None:
            code = self._drop(1.0)
            raise ToolDiedError(f"the tool's process {child.pid} ended with {code}")
        reply = pb.FeedReply.FromString(answer)
        if reply.error:
            raise (ToolAwayError if reply.away else ToolError)(reply.error)
        self.ignored += reply.ignored
        self._position = reply.position or None

    def _drop(self, timeout: float) -> int:
        """Lets the child go, within `timeout` seconds or by force; its exit status."""
        child, self._child = self._child, None
        return 0 if child is None else _end(child, timeout)


def _write(items: Sequence[FeedItem]) -> pb.FeedRequest:
    return pb.FeedRequest(write=pb.FeedWrite(items=[encode_item(item) for item in items]))


def _exchange(child: "subprocess.Popen[bytes]", request: bytes, timeout_s: float) -> bytes | None:
    """Sends a frame and reads the answer's content; None if the child ends before.

    Raises:
        TimeoutError: there is none within `timeout_s` seconds.
    """
    assert child.stdin is not None and child.stdout is not None
    down, up = child.stdin.fileno(), child.stdout.fileno()
    os.set_blocking(down, False)
    poll = select.poll()
    poll.register(up, select.POLLIN)
    poll.register(down, select.POLLOUT)
    deadline = time.monotonic() + timeout_s
    left, answer = memoryview(request), bytearray()
    while (wait := deadline - time.monotonic()) > 0:
        for fd, _ in poll.poll(1000 * min(wait, _LONGEST_POLL_S)):
            if fd == up:
                piece = os.read(up, _CHUNK)
                if not piece:
                    return None
                answer += piece
                continue
            try:
                left = left[os.write(down, left) :]
            except BlockingIOError:
                continue
            except OSError:
                return None
            if not left:
                poll.unregister(down)
        if len(answer) >= _LENGTH.size:
            size = _LENGTH.size + _LENGTH.unpack_from(answer)[0]
            if len(answer) >= size:
                return bytes(answer[_LENGTH.size : size])
    raise TimeoutError


def _end(child: "subprocess.Popen[bytes]", timeout: float) -> int:
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

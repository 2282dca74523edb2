"""The main of a tool's own process: rows on stdin, positions on stdout.

What the tool prints goes to stderr: stdout belongs to the replies.
"""

import contextlib
import ctypes
import json
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import IO

import cloudpickle

from ..proto import podlog_pb2 as pb
from ..proto.config import LoggerConfig
from ..proto.rowcodec import read_item
from ..proto.tool import LoggerTool, ToolContext, create_tool
from .feedpipe import read_frame, write_frame
from .runners import ThreadRunner

_GRACE_S = 10.0
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serves one tool until stdin ends; the argument is the coordinator's pid."""
    _die_with(int(sys.argv[1]))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = os.fdopen(1, "w", buffering=1, errors="backslashreplace")
    requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    ended = threading.Event()
    reader = threading.Thread(
        target=_read, args=(sys.stdin.buffer, requests, ended), name="podlog-stdin", daemon=True
    )
    reader.start()
    runner: ThreadRunner | None = None
    while (data := requests.get()) is not None:
        reply = pb.FeedReply()
        ignored = 0 if runner is None else runner.ignored
        try:
            runner, reply.position = _handle(runner, pb.FeedRequest.FromString(data))
            reply.ignored = runner.ignored - ignored
        except BaseException as error:
            traceback.print_exc()
            reply.error = f"{type(error).__name__}: {error}"
            reply.away = isinstance(error, OSError)
        write_frame(replies, reply.SerializeToString())
    ended.set()
    return 0


def _die_with(parent: int) -> None:
    """Else a tool would go on writing while the next coordinator makes another go back."""
    with contextlib.suppress(AttributeError, OSError):  # prctl is Linux's
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def _handle(runner: ThreadRunner | None, request: pb.FeedRequest) -> tuple[ThreadRunner, bytes]:
    if request.HasField("open"):
        runner = ThreadRunner(_tool(request.open))
        known = request.open.HasField("position")
        return runner, runner.open(request.open.position if known else None)
    if runner is None:
        raise RuntimeError("the tool could not be made")
    if request.HasField("write"):
        return runner, runner.deliver([read_item(item) for item in request.write.items])
    return runner, runner.finalize(request.finalize.status)


def _tool(request: pb.FeedOpen) -> LoggerTool:
    sys.path += [entry for entry in request.sys_path if entry not in sys.path]
    config = LoggerConfig.from_dict(LoggerConfig, json.loads(request.config_json or "{}"))
    log_path = Path(request.log_path) if request.log_path else None
    config.log_path = log_path
    context = ToolContext(config=config, log_path=log_path, run_id=request.run_id)
    return create_tool(cloudpickle.loads(request.tool.pickled), context)


def _read(
    stream: IO[bytes], requests: "queue.SimpleQueue[bytes | None]", ended: threading.Event
) -> None:
    """Passes frames on; when the coordinator is gone, a tool that is stuck is not waited for."""
    try:
        while (data := read_frame(stream)) is not None:
            requests.put(data)
    finally:
        requests.put(None)
    if not ended.wait(_GRACE_S):
        os._exit(70)


if __name__ == "__main__":
    sys.exit(main())

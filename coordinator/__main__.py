"""``python -m podlog.coordinator``: a coordinator in a process of its own.

`Setup` comes on stdin, then the parent's notices; `Ready` or `Failed`, `Opened`,
lines for the terminal, `FirstSign` and `Ended` go out on stdout. It ends by
itself when the job has settled. No jax here, nor anything of a worker.
"""

import functools
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import IO

from ..proto.control import (
    JOURNAL_GONE,
    AllEnded,
    ConsoleLine,
    Ended,
    Failed,
    FirstSign,
    Opened,
    ProcessExit,
    Ready,
    Setup,
    Signalled,
    load,
)
from ..proto.errors import PodlogError, WireError
from .coordinator import Coordinator
from .hooks import Hooks
from .opening import OpenRun
from .server import Server
from .tools import console
from .upward import Up

_log = logging.getLogger(__name__)
_LAST_WORD_S = 600.0
"""How long a parent that lives may take to hear the end: it must not take it for a crash."""

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main() -> int:
    """Serves one job; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format=_FORMAT)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    down, up = _streams()
    try:
        setup = load(down.readline())
    except WireError as error:
        up.tell(Failed(str(error)))
        up.close(_LAST_WORD_S)
        return 2
    if not isinstance(setup, Setup):
        up.tell(Failed(f"expected Setup on stdin, not {type(setup).__name__}"))
        up.close(_LAST_WORD_S)
        return 2

    console.sink = lambda text: up.tell(ConsoleLine(text))
    hooks = Hooks(
        opened=lambda run, attempt, asked: _opened(up, run, attempt, asked),
        failed=lambda message: up.tell(Failed(message)),
        sign=lambda sign: _signed(up, server, sign),
        ended=lambda ended: _ended(up, server, ended),
        gone=lambda: os._exit(JOURNAL_GONE),
    )
    coordinator = Coordinator(setup, hooks=hooks)
    server = Server(coordinator, setup)
    try:
        port = server.start()
    except PodlogError as error:  # nothing was begun: no journal is opened, nothing has ended
        up.tell(Failed(str(error)))
        up.close(_LAST_WORD_S)
        return 1

    coordinator.start()
    up.tell(Ready(port))
    hear = threading.Thread(
        target=_hear, args=(down, up, coordinator), name="podlog-parent", daemon=True
    )
    hear.start()
    coordinator.wait_settled(None)
    server.launchers.wait_heard()
    server.stop()
    up.close(_LAST_WORD_S)
    return 0


def _streams() -> tuple[IO[bytes], Up]:
    """Stdin and stdout for the parent alone: a tool's prints go to stderr."""
    down = os.fdopen(os.dup(0), "rb")
    up = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout.flush()
    os.dup2(2, 1)
    return down, Up(up)


def _hear(down: IO[bytes], up: Up, coordinator: Coordinator) -> None:
    """Takes the parent's notices until it is gone."""
    for line in down:
        try:
            notice = load(line)
        except WireError as error:
            _log.warning("from the parent: %s", error)
            continue
        match notice:
            case Signalled(number):
                coordinator.signalled(number)
                coordinator.post(functools.partial(up.tell, notice))
            case ProcessExit():
                coordinator.process_exit(notice)
            case AllEnded():
                coordinator.all_ended(notice)
            case _:
                _log.warning("from the parent: %s is not for us", type(notice).__name__)
    coordinator.parent_gone()


def _opened(up: Up, run: OpenRun, attempt: int, asked: bytes) -> None:
    """Diagnostics go beside the run from here on."""
    if run.log_path is not None:
        _log_to(run.log_path / "coordinator.log")
    _log.info("run %s, attempt %d, job on %d", run.run_id, attempt, os.getpid())
    log_path = "" if run.log_path is None else str(run.log_path)
    up.tell(Opened(run.run_id, log_path, attempt, asked))


def _log_to(path: Path) -> None:
    root = logging.getLogger()
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(logging.Formatter(_FORMAT))
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)


def _signed(up: Up, server: Server, sign: FirstSign) -> None:
    up.tell(sign)
    server.launchers.sign(sign)


def _ended(up: Up, server: Server, ended: Ended) -> None:
    _log.info("settled: %s, %d rows", ended.status, ended.rows)
    up.tell(ended)
    server.launchers.ended(ended)


if __name__ == "__main__":
    sys.exit(main())

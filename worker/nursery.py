"""``python -m podlog.worker.nursery``: many synthetic loads at little cost.

It has imported all that a load needs and forks for each line on stdin, a JSON
object of ``arguments`` (of `podlog.worker.load`) and ``environment``. On stdout
it says ``started PID`` and, as they come, ``ended PID CODE``; minus a signal for
one that was killed. It ends at end of file; its children die with it.
"""

import contextlib
import json
import os
import select
import signal
import sys
from typing import NoReturn

from ..cluster.deathsig import die_with
from . import load


def main() -> int:
    """Serves until stdin closes."""
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    pending = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            _reap()
        if 0 not in ready:
            continue
        data = os.read(0, 65536)
        if not data:
            return 0
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            _say(f"started {_fork(json.loads(line), (woken, wake))}")


def _fork(asked: dict[str, object], ours: tuple[int, int]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _live(asked, parent, ours)
    return pid


def _live(asked: dict[str, object], parent: int, ours: tuple[int, int]) -> NoReturn:
    """One load, from here to its end."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        die_with(parent)
        for fd in ours:
            os.close(fd)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        arguments, environment = asked["arguments"], asked["environment"]
        assert isinstance(arguments, list) and isinstance(environment, dict)
        os.environ.update(environment)
        code = load.main(arguments)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _say(f"ended {pid} {os.waitstatus_to_exitcode(status)}")


def _say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())

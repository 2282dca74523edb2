"""Runs a command that the kernel ends when its parent dies.

A script on its own, started by path as ``python -I -S deathsig.py PARENT_PID
COMMAND…``: it imports nothing of the package, costs a few milliseconds, and
needs no code between fork and exec in the parent. The setting survives the
exec. It is tied to the thread that started this: start from one that lives as
long as the parent should.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Becomes the command in `arguments[1:]`, unless parent `arguments[0]` is gone."""
    die_with(int(arguments[0]))
    os.execv(arguments[1], arguments[1:])


def die_with(parent: int) -> None:
    """Has the kernel end this process when process `parent`, which started it, dies."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Whether the writer of some segments is gone, and holding them meanwhile.

A writer keeps each segment that it still needs locked, and the lock ends with
it. A lock that a child has inherited from a process that is gone does not count,
and where there are no locks, pid and start time tell, on the same machine.
"""

import contextlib
import enum
import os
import time
from collections.abc import Sequence
from pathlib import Path

from . import podlog_pb2 as pb
from .alive import alive, boot_id
from .logfile import FRAME_BYTES, MAGIC, lock

_NEW_S = 10.0


class _Locks(enum.Enum):
    UNTRIED = enum.auto()
    HELD = enum.auto()
    BLOCKED = enum.auto()
    NONE = enum.auto()


class Hold:
    """The segments of one incarnation, locked if that can be. Used by one thread.

    Args:
        paths: its files; those that vanish are no matter.

    Raises:
        OSError: a file cannot be opened.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._fd = -1
        self._locks = _Locks.UNTRIED
        self._locks = self._take()
        self._new = self._just_made()

    def gone(self, writer: pb.Hello) -> bool:
        """Whether the writer is gone as far as can be told; in doubt on another machine, yes."""
        if self._new:
            return False
        if self._locks is _Locks.HELD:
            return True
        if writer.boot_id and writer.boot_id == boot_id():
            return not alive(writer.pid, writer.pid_started)
        return self._locks is _Locks.NONE

    @property
    def blocked(self) -> bool:
        """Whether another held the lock when it was tried last: it may be free later."""
        return self._locks is _Locks.BLOCKED

    def delete(self, writer: pb.Hello) -> bool:
        """Deletes the files if the writer is surely gone, and releases; whether they went."""
        if self._locks in (_Locks.BLOCKED, _Locks.UNTRIED):
            try:
                self._locks = self._take()
            except OSError:
                self._locks = _Locks.BLOCKED
        here = writer.boot_id != "" and writer.boot_id == boot_id()
        sure = self._locks is _Locks.HELD or (self._locks is _Locks.NONE and here)
        if sure:
            gone = [_unlinked(path) for path in self._paths]
            sure = all(gone)
            with contextlib.suppress(OSError):
                self._paths[0].parent.rmdir()
        self.release()
        return sure

    def release(self) -> None:
        """Gives the lock free; safe twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
            self._locks = _Locks.UNTRIED  # it may be another's now

    def _take(self) -> _Locks:
        """Tries the lock of each; one is kept, which is enough to hold all."""
        self.release()
        for path in self._paths:
            try:
                fd = _opened(path)
            except FileNotFoundError:
                continue
            keep = False
            try:
                if not lock(fd):
                    return _Locks.NONE
                keep = self._fd < 0
            except BlockingIOError:
                self.release()
                return _Locks.BLOCKED
            except OSError:
                self.release()
                raise
            finally:
                if keep:
                    self._fd = fd
                else:
                    os.close(fd)
        return _Locks.HELD

    def _just_made(self) -> bool:
        """Whether its writer may be about to lock its first file."""
        now = time.time()
        for path in self._paths:
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                whole = stat.st_size > len(MAGIC) + FRAME_BYTES
                if whole or now - stat.st_mtime > _NEW_S:
                    return False
        return True


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _unlinked(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True

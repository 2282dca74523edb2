r"""A file of framed, checksummed payloads that is only ever appended to.

::

    file    magic │ frame(header) │ frame │ frame │ … │ perhaps a torn tail
    magic   b"PODLOG1\n"
    frame   length: u32 │ crc32c: u32 │ payload: `length` bytes

Numbers are little-endian; the checksum covers the length and the payload, so
that a run of zeros is no frame. An *offset* is where a frame begins; the next
one begins at ``offset + FRAME_BYTES + len(payload)``. How a file is read back,
damaged or not, is in `pieces`.
"""

import contextlib
import errno
import fcntl
import os
import struct
from pathlib import Path

from crc32c import crc32c

from . import forks

MAGIC = b"PODLOG1\n"
FRAME_BYTES = 8
"""What a frame takes beside its payload."""

_LENGTH = struct.Struct("<I")
_PREFIX = struct.Struct("<II")
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP})
"""What a file system answers that has no locks."""


class LogFile:
    """The writing end. Not thread-safe: one owner, which closes it.

    A forked child gives its copy up at once, so that the lock ends with the
    process that made the file.

    Attributes:
        path: the file.
        size: bytes of whole frames in it, magic and header included.
        locked: whether an exclusive `flock` is held; false only on a file
            system that has no locks.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.size = 0
        self.locked = False
        self._fd = fd
        self._torn = False
        forks.in_child(self, LogFile.close)

    @classmethod
    def create(cls, path: Path, header: bytes) -> "LogFile":
        """A new file that holds `header`, locked until it is closed.

        Raises:
            FileExistsError: there is such a file; nothing is changed.
            OSError: it cannot be made, locked or written; nothing is left.
        """
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        file = cls(path, fd)
        try:
            file.locked = lock(fd)
            file._write(MAGIC + _frame(header))
        except BaseException:
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return file

    def append(self, payload: bytes) -> int:
        """Adds one frame and returns its offset.

        Raises:
            FileNotFoundError: somebody deleted the file; what is in it can
                still be read by `open_read`.
            OSError: it was not written; the file ends where it did before and
                the call may be repeated.
        """
        if os.fstat(self._fd).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "it was deleted", str(self.path))
        offset = self.size
        self._write(_frame(payload))
        return offset

    def open_read(self) -> int:
        """A descriptor to read it, even if it was deleted; the caller closes it.

        Raises:
            OSError: it is closed, or the system has no more descriptors.
        """
        with contextlib.suppress(OSError):  # a position of its own; a copy shares the writer's
            return os.open(f"/proc/self/fd/{self._fd}", os.O_RDONLY | os.O_CLOEXEC)
        return os.dup(self._fd)

    def sync(self) -> None:
        """Makes what was appended survive a loss of power.

        Raises:
            OSError: the disk did not take it.
        """
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Releases file and lock, in a forked child its copy only; safe twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _write(self, data: bytes) -> None:
        if self._torn:
            self._cut_back()
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            self._torn = True
            with contextlib.suppress(OSError):
                self._cut_back()
            raise
        self.size += len(data)

    def _cut_back(self) -> None:
        os.ftruncate(self._fd, self.size)
        self._torn = False


def frame_length(prefix: bytes) -> int:
    """The length of the payload that the first `FRAME_BYTES` of a frame state."""
    return int(_LENGTH.unpack_from(prefix)[0])


def is_whole(prefix: bytes, payload: bytes) -> bool:
    """Whether `payload` is the one that `prefix`, the `FRAME_BYTES` before it, announced."""
    length, checksum = _PREFIX.unpack(prefix)
    return bool(length == len(payload) and crc32c(payload, crc32c(prefix[:4])) == checksum)


def lock(fd: int) -> bool:
    """Takes the exclusive lock of an open file; false where there are no locks.

    Raises:
        BlockingIOError: another holds it.
        OSError: the file system failed.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno in NO_LOCKS:
            return False
        raise
    return True


def _frame(payload: bytes) -> bytes:
    length = _LENGTH.pack(len(payload))
    return length + _LENGTH.pack(crc32c(payload, crc32c(length))) + payload

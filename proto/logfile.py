r"""A file of framed, checksummed payloads that is only ever appended to.

::

    file    magic │ frame(header) │ frame │ frame │ … │ perhaps a torn tail
    magic   b"PODLOG1\n"
    frame   length: u32 │ crc32c: u32 │ payload: `length` bytes

Numbers are little-endian; the checksum covers the length and the payload, so
that a run of zeros is no frame. An *offset* is where a frame begins; the next
one begins at ``offset + FRAME_BYTES + len(payload)``. The file ends where the
first frame is cut short or does not match its checksum: what lies behind is a
torn tail, which a reader ignores (its writer may be at it right now) and
`recover` cuts off.
"""

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from crc32c import crc32c

from .errors import WireError

MAGIC = b"PODLOG1\n"
FRAME_BYTES = 8
"""What a frame takes beside its payload."""

_LENGTH = struct.Struct("<I")
_PREFIX = struct.Struct("<II")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


class LogFile:
    """The writing end. Not thread-safe: one owner, which closes it.

    Attributes:
        path: the file.
        size: bytes of whole frames in it, magic and header included.
        locked: whether an exclusive `flock` is held; false only on a file
            system that has no locks.
    """

    def __init__(self, path: Path, fd: int, locked: bool) -> None:
        self.path = path
        self.size = 0
        self.locked = locked
        self._fd = fd
        self._torn = False

    @classmethod
    def create(cls, path: Path, header: bytes) -> "LogFile":
        """A new file that holds `header`, locked until it is closed.

        Raises:
            FileExistsError: there is such a file; nothing is changed.
            OSError: it cannot be made, locked or written; nothing is left.
        """
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            file = cls(path, fd, _lock(fd))
            file._write(MAGIC + _frame(header))
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return file

    def append(self, payload: bytes) -> int:
        """Adds one frame and returns its offset.

        Raises:
            OSError: it was not written; the file ends where it did before and
                the call may be repeated.
        """
        offset = self.size
        self._write(_frame(payload))
        return offset

    def sync(self) -> None:
        """Makes what was appended survive a loss of power.

        Raises:
            OSError: the disk did not take it.
        """
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Releases file and lock; safe twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _write(self, data: bytes) -> None:
        if self._torn:
            os.ftruncate(self._fd, self.size)
            self._torn = False
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            self._torn = len(rest) < len(data)
            raise
        self.size += len(data)


class Recovered(NamedTuple):
    """What `recover` found.

    Attributes:
        header: the header's payload.
        size: bytes of the file now, all of them whole frames.
        cut: bytes of torn tail that were cut off.
    """

    header: bytes
    size: int
    cut: int


def read_header(path: Path) -> bytes:
    """The header of a log file.

    Raises:
        WireError: not a log file, or its header is torn.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _header(path, file)


def read_frames(path: Path, offset: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Offset and payload of each whole frame, from `offset` on, one at a time.

    Works while the file is written: it ends at the first frame that is not
    whole yet, and a later call may go on from there.

    Args:
        path: the file.
        offset: where a frame begins, or the end; None: behind the header.

    Raises:
        WireError: not a log file (only if `offset` is None).
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if offset is None:
            offset = len(MAGIC) + FRAME_BYTES + len(_header(path, file))
        file.seek(offset)
        while (payload := _next_payload(file)) is not None:
            yield offset, payload
            offset += FRAME_BYTES + len(payload)


def recover(path: Path) -> Recovered:
    """Cuts the torn tail off a file whose writer is gone.

    Raises:
        BlockingIOError: its writer lives; nothing is changed.
        WireError: not a log file, or its header is torn; nothing is changed.
        OSError: it cannot be read or cut.
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    with os.fdopen(fd, "r+b") as file:
        _lock(fd)
        header = _header(path, file)
        size = len(MAGIC) + FRAME_BYTES + len(header)
        for offset, payload in read_frames(path, size):
            size = offset + FRAME_BYTES + len(payload)
        cut = os.fstat(fd).st_size - size
        if cut:
            os.ftruncate(fd, size)
    return Recovered(header, size, cut)


def _frame(payload: bytes) -> bytes:
    length = _LENGTH.pack(len(payload))
    return length + _LENGTH.pack(crc32c(payload, crc32c(length))) + payload


def _next_payload(file: BinaryIO) -> bytes | None:
    prefix = file.read(FRAME_BYTES)
    if len(prefix) < FRAME_BYTES:
        return None
    length, checksum = _PREFIX.unpack(prefix)
    # A damaged length must not make us ask for gigabytes.
    if length > os.fstat(file.fileno()).st_size:
        return None
    payload = file.read(length)
    if len(payload) < length or crc32c(payload, crc32c(prefix[:4])) != checksum:
        return None
    return payload


def _header(path: Path, file: BinaryIO) -> bytes:
    header = _next_payload(file) if file.read(len(MAGIC)) == MAGIC else None
    if header is None:
        raise WireError(f"{path} is not a podlog file, or was cut before its header was whole")
    return header


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True

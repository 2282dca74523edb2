"""One segment of a spool, on disk or in memory."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from ..proto.logfile import MAGIC, LogFile
from ..proto.pieces import pieces
from ..proto.segmentfile import MESSAGE_BEGINS

_TRIES = 100


class Segment(Protocol):
    """Frames in order. Appended by one thread; read and deleted by another meanwhile."""

    size: int

    def append(self, frame: bytes) -> None:
        """Adds a frame, wholly or not at all (then raises OSError)."""

    def frames(self, position: int | None) -> Iterator[tuple[int, bytes]]:
        """Frames from `position` (None: the first), each with the position behind it.

        Those that are damaged are left out.

        Raises:
            OSError: it cannot be read now.
        """

    def sync(self) -> None:
        """Makes it survive a loss of power."""

    def move(self, path: Path) -> None:
        """It takes the place of what is at `path`."""

    def close(self) -> None:
        """Releases it; what it holds stays, for whoever finds it. Safe twice."""

    def delete(self) -> None:
        """It is needed no more; never raises."""


OpenSegment = Callable[[Path, bytes], Segment]
"""Makes a new segment at a path, with a header; raises OSError."""


class DiskSegment:
    """A segment in a `LogFile`, locked until it is closed."""

    def __init__(self, path: Path, header: bytes) -> None:
        self._path = path
        self._file = _created(path, header)
        self._folder_synced = False
        self.size = self._file.size

    def append(self, frame: bytes) -> None:
        """As `Segment.append`."""
        self._file.append(frame)
        self.size = self._file.size

    def frames(self, position: int | None) -> Iterator[tuple[int, bytes]]:
        """As `Segment.frames`; works though somebody deleted the file."""
        end = self.size
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            fd = self._file.open_read()
        with os.fdopen(fd, "rb") as file:
            start = len(MAGIC) if position is None else position
            for piece in pieces(file, start, end, begins=MESSAGE_BEGINS):
                if piece.payload is not None and piece.offset > len(MAGIC):
                    yield piece.end, piece.payload

    def sync(self) -> None:
        """As `Segment.sync`; its entry in the folder too."""
        self._file.sync()
        if not self._folder_synced:
            fd = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            self._folder_synced = True

    def move(self, path: Path) -> None:
        """As `Segment.move`."""
        self._path.rename(path)
        self._path = self._file.path = path
        self._folder_synced = False

    def close(self) -> None:
        """As `Segment.close`."""
        with contextlib.suppress(OSError):
            self._file.close()

    def delete(self) -> None:
        """As `Segment.delete`."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.close()


class MemorySegment:
    """A segment for a run that keeps nothing on disk."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self.size = 0

    def append(self, frame: bytes) -> None:
        """As `Segment.append`."""
        self._frames.append(frame)
        self.size += len(frame)

    def frames(self, position: int | None) -> Iterator[tuple[int, bytes]]:
        """As `Segment.frames`."""
        start = position or 0
        return enumerate(self._frames[start:], start + 1)

    def sync(self) -> None:
        """As `Segment.sync`."""

    def move(self, path: Path) -> None:
        """As `Segment.move`."""

    def close(self) -> None:
        """As `Segment.close`."""

    def delete(self) -> None:
        """As `Segment.delete`."""
        self._frames.clear()


def _created(path: Path, header: bytes) -> LogFile:
    """A neighbour that ends may remove the empty folder at any moment: made again."""
    for _ in range(_TRIES):
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return LogFile.create(path, header)
    path.parent.mkdir(parents=True, exist_ok=True)
    return LogFile.create(path, header)

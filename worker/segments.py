"""One segment of a spool, on disk or in memory."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ..proto.logfile import FRAME_BYTES, LogFile, read_frames


class Segment(Protocol):
    """Frames in order. Appended by one thread; read by another meanwhile."""

    size: int

    def append(self, frame: bytes) -> None:
        """Adds a frame, wholly or not at all (then raises OSError)."""

    def frames(self, position: int | None) -> Iterator[tuple[int, bytes]]:
        """Frames from `position` (None: the first), each with the position behind it."""

    def sync(self) -> None:
        """Makes it survive a loss of power."""

    def seal(self) -> None:
        """Nothing more is appended. Safe twice."""

    def delete(self) -> None:
        """It is needed no more; never raises."""


class DiskSegment:
    """A segment in a `LogFile`, locked until it is sealed."""

    def __init__(self, path: Path, header: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = LogFile.create(path, header)
        self.size = self._file.size

    def append(self, frame: bytes) -> None:
        """As `Segment.append`."""
        self._file.append(frame)
        self.size = self._file.size

    def frames(self, position: int | None) -> Iterator[tuple[int, bytes]]:
        """As `Segment.frames`."""
        for offset, frame in read_frames(self._path, position):
            yield offset + FRAME_BYTES + len(frame), frame

    def sync(self) -> None:
        """As `Segment.sync`."""
        self._file.sync()

    def seal(self) -> None:
        """As `Segment.seal`."""
        with contextlib.suppress(OSError):
            self._file.close()

    def delete(self) -> None:
        """As `Segment.delete`."""
        self.seal()
        with contextlib.suppress(OSError):
            self._path.unlink()


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

    def seal(self) -> None:
        """As `Segment.seal`."""

    def delete(self) -> None:
        """As `Segment.delete`."""
        self._frames.clear()

"""A file whose end alone changes: bytes are added whole, or cut off."""

import os
from pathlib import Path


class AppendFile:
    """An append-only file, opened at the first use. Not thread-safe.

    What `append` returned from survives a kill of the process.

    Args:
        path: the file; its folder is made when it is opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1
        self._size = 0

    @property
    def opened(self) -> bool:
        """Whether it is open now."""
        return self._fd >= 0

    @property
    def size(self) -> int:
        """Length in bytes; 0 if there is no file."""
        if self.opened:
            return self._size
        return self.path.stat().st_size if self.path.exists() else 0

    def open(self) -> None:
        """Opens the file and makes it if need be; safe twice."""
        if self.opened:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, 0o666)
        self._size = os.fstat(self._fd).st_size

    def append(self, data: bytes) -> None:
        """Adds `data`; all of it, or nothing and an OSError."""
        self.open()
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)

    def cut(self, size: int) -> None:
        """Cuts everything behind the first `size` bytes."""
        if size < self.size:
            self.open()
            os.ftruncate(self._fd, size)
            self._size = size

    def close(self) -> None:
        """Closes the file; safe twice, and a later call opens it again."""
        if self.opened:
            os.close(self._fd)
            self._fd = -1

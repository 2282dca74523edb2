"""An append-only text file that is cut and replaced by whole records."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from .appendfile import AppendFile


class LineFile:
    """A file of records, each ending in a newline. Not thread-safe.

    A record torn by a crash is cut off when the file is opened.

    Args:
        path: the file; its folder is made when it is first written.
        quoted: whether a newline between double quotes belongs to its record,
            as in CSV.

    Attributes:
        count: number of whole records.
    """

    def __init__(self, path: Path, *, quoted: bool = False) -> None:
        self.path = path
        self.count = 0
        self._quoted = quoted
        self._file = AppendFile(path)
        if path.exists():
            self._open()

    def append(self, data: bytes, count: int) -> None:
        """Adds `count` records; all of them, or none and an OSError."""
        self._open()
        self._file.append(data)
        self.count += count

    def records(self) -> Iterator[bytes]:
        """The whole records, each with its newline; reads the file anew."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            held, quotes = b"", 0
            for line in file:
                held = held + line if held else line
                quotes += line.count(b'"') if self._quoted else 0
                if quotes % 2 == 0 and line.endswith(b"\n"):
                    yield held
                    held = b""

    def mark(self) -> tuple[int, int]:
        """Where the file ends now, for `cut_to`."""
        return self._file.size, self.count

    def cut_to(self, mark: tuple[int, int]) -> None:
        """Takes back what was appended since `mark`."""
        size, self.count = mark
        self._file.cut(size)

    def keep(self, count: int) -> None:
        """Cuts everything behind the first `count` records."""
        if count >= self.count:
            return
        size = 0
        for at, record in enumerate(self.records()):
            if at == count:
                break
            size += len(record)
        self.cut_to((size, count))

    def replace(self, records: Iterable[bytes]) -> None:
        """Puts `records` in place of all that is there, in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(self.path.name + ".new")
        with new.open("wb") as file:
            file.writelines(records)
            file.flush()
            os.fsync(file.fileno())
        self.close()
        new.replace(self.path)
        self._open()

    def remove(self) -> None:
        """Deletes the file; a later `append` starts a new one."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.count = 0

    def close(self) -> None:
        """Closes the file; safe twice, and a later call opens it again."""
        self._file.close()

    def _open(self) -> None:
        if self._file.opened:
            return
        size = self.count = 0
        for record in self.records():
            size += len(record)
            self.count += 1
        self._file.cut(size)
        self._file.open()

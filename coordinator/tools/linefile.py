"""An append-only text file that is cut and replaced by whole records."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from .appendfile import AppendFile


class LineFile:
    """A file of records, each ending in a newline. Not thread-safe.

    A record torn by a crash does not count, and is cut off before the file is
    changed; until then a file is left as it was found.

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
        self._whole: int | None = self._scan()

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
        if self.path.exists():
            self._open()
        return self._file.size, self.count

    def cut_to(self, mark: tuple[int, int]) -> None:
        """Takes back what was appended since `mark`."""
        size, self.count = mark
        self._file.cut(size)

    def keep(self, count: int) -> None:
        """Cuts everything behind the first `count` records, and a torn one."""
        size = 0
        if count < self.count:
            for at, record in enumerate(self.records()):
                if at == count:
                    break
                size += len(record)
            self.cut_to((size, count))
        elif self.path.exists():
            self._open()

    def replace(self, records: Iterable[bytes]) -> None:
        """Puts `records` in place of all that is there, in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._new.open("wb") as file:
                file.writelines(records)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            self._new.unlink(missing_ok=True)
            raise
        self.close()
        self._new.replace(self.path)
        self._open()

    def remove(self) -> None:
        """Deletes the file; a later `append` starts a new one."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._new.unlink(missing_ok=True)
        self.count = 0

    def close(self) -> None:
        """Closes the file; safe twice, and a later call opens it again."""
        self._file.close()
        self._whole = None

    @property
    def _new(self) -> Path:
        return self.path.with_name(self.path.name + ".new")

    def _open(self) -> None:
        if self._file.opened:
            return
        self._new.unlink(missing_ok=True)
        self._file.cut(self._scan() if self._whole is None else self._whole)
        self._whole = None
        self._file.open()

    def _scan(self) -> int:
        """Counts the whole records; returns where they end."""
        size = self.count = 0
        for record in self.records():
            size += len(record)
            self.count += 1
        return size

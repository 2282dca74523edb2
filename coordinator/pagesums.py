"""Checksums of the journal's pages, in a file of their own beside it.

SQLite keeps none: a changed byte in its file is read without an error.
``journal.sqlite-sums`` is a header and an entry a page. Sums are written before
SQLite copies pages from its log into the file, and pages that the log holds are
not looked at: so the file is right after a kill at any moment. The header says
which log it was, and how long: if less of it is there later, the file may be a
mixture of two times.
"""

import contextlib
import os
import sqlite3
import struct
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import crc32c

from .walfile import PAGE, Wal

_HEAD = struct.Struct("<8sIIII8sI")
_SAID = struct.Struct("<IIII8s")
_ENTRY = struct.Struct("<II")
_MAGIC = b"podlsum2"
_LIBRARY = sqlite3.sqlite_version_info
_VERSION = _LIBRARY[0] * 1_000_000 + _LIBRARY[1] * 1_000 + _LIBRARY[2]


def sums_path(journal: Path) -> Path:
    """The file with the sums of a journal's pages."""
    return journal.with_name(journal.name + "-sums")


def page_sum(number: int, page: bytes) -> int:
    """The sum of a page; of the first without what SQLite changes outside of its log."""
    if number == 1:
        page = page[:18] + page[20:24] + page[28:92] + page[100:]
    crc: int = crc32c.crc32c(page)
    return crc


class PageSums:
    """The sums of one journal. Not thread-safe.

    Attributes:
        missing: there was no file, or its header could not be read.

    Args:
        journal: the journal's main file.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._path = sums_path(journal)
        self._versions = {_VERSION}
        self._entries = bytearray()
        self._salts, self._frames = b"", 0
        self.missing = not self._load()

    def check(self, held: Container[int]) -> tuple[list[int], list[int]]:
        """Compares the main file with the sums; nobody may write it meanwhile.

        Args:
            held: pages that the log holds; theirs are not compared.

        Returns:
            Pages that are not what they were, and pages whose sum is damaged.

        Raises:
            OSError: the file cannot be read.
        """
        wrong, unknown = [], []
        known = len(self._entries) // _ENTRY.size
        for number, page in _pages(self._journal, known):
            if number in held:
                continue
            known_sum = self._sum(number)
            if number > known or len(page) < PAGE:
                wrong.append(number)
            elif known_sum is None:
                unknown.append(number)
            elif page_sum(number, page) != known_sum or (number == 1 and not self._is_first(page)):
                wrong.append(number)
        return wrong, unknown

    def outran(self, wal: Wal) -> bool:
        """Whether pages were being copied of which `wal` does not hold the last version any more.

        What is left of it is then no state that the file and the log ever had together.
        """
        return bool(wal.salts) and wal.salts == self._salts and wal.frames < self._frames

    def build(self) -> None:
        """Takes the main file as it is.

        Raises:
            OSError: it cannot be read, or the sums cannot be written.
        """
        self._entries.clear()
        self.update({n: page_sum(n, page) for n, page in _pages(self._journal, 0)})

    def update(self, sums: Mapping[int, int], wal: Wal | None = None) -> None:
        """Says what pages are about to become; on the disk when it returns.

        Args:
            sums: of each page that changes.
            wal: the log that they are copied from.

        Raises:
            OSError: the sums cannot be written; the pages must stay in the log.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if self.missing:
                os.ftruncate(fd, 0)
            self._take(sums)
            if wal is not None and wal.pages:
                self._salts, self._frames = wal.salts, wal.frames
            first, last = min(sums, default=1), max(sums, default=0)
            data = self._entries[(first - 1) * _ENTRY.size : last * _ENTRY.size]
            at = _HEAD.size + (first - 1) * _ENTRY.size
            if os.pwrite(fd, data, at) < len(data):
                raise OSError(f"{self._path} was written in part only")
            os.pwrite(fd, self._head(), 0)
            os.fsync(fd)
            self.missing = False
        finally:
            os.close(fd)

    def remove(self) -> None:
        """Forgets all sums: whoever opens the journal next checks it in another way."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _take(self, sums: Mapping[int, int]) -> None:
        last = max(sums, default=0)
        self._entries.extend(bytes(max(0, last * _ENTRY.size - len(self._entries))))
        for number, fresh in sums.items():
            at = (number - 1) * _ENTRY.size
            _ENTRY.pack_into(self._entries, at, fresh, _seal(number, fresh))

    def _sum(self, number: int) -> int | None:
        """What a page is to be; None if that cannot be told."""
        if number * _ENTRY.size > len(self._entries):
            return None
        told: int
        told, seal = _ENTRY.unpack_from(self._entries, (number - 1) * _ENTRY.size)
        return told if seal == _seal(number, told) else None

    def _is_first(self, page: bytes) -> bool:
        """Whether those parts of the first page that have no sum are as SQLite writes them."""
        (version,) = struct.unpack(">I", page[96:100])
        return (
            page[18:20] in (b"\1\1", b"\2\2")
            and page[24:28] == page[92:96]
            and version in self._versions
        )

    def _head(self) -> bytes:
        before = max(self._versions - {_VERSION}, default=_VERSION)
        count = len(self._entries) // _ENTRY.size
        said = (_VERSION, before, count, self._frames, self._salts)
        return _HEAD.pack(_MAGIC, *said, crc32c.crc32c(_SAID.pack(*said)))

    def _load(self) -> bool:
        try:
            data = self._path.read_bytes()
            magic, *said, seal = _HEAD.unpack_from(data)
        except (OSError, struct.error):
            return False
        version, before, count, self._frames, self._salts = said
        end = _HEAD.size + count * _ENTRY.size
        if magic != _MAGIC or seal != crc32c.crc32c(_SAID.pack(*said)) or end > len(data):
            return False
        self._versions |= {version, before} if version == _VERSION else {version}
        self._entries = bytearray(data[_HEAD.size : end])
        return True


def _seal(number: int, told: int) -> int:
    seal: int = crc32c.crc32c(struct.pack("<II", number, told))
    return seal


def _pages(path: Path, least: int) -> Iterator[tuple[int, bytes]]:
    """All pages of a file, and what is missing of the first `least`."""
    number = 0
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        while block := file.read(PAGE * 256):
            for at in range(0, len(block), PAGE):
                number += 1
                yield number, block[at : at + PAGE]
    yield from ((n, b"") for n in range(number + 1, least + 1))

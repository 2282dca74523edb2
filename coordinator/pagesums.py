"""Checksums of the journal's pages, in a file of their own beside it.

SQLite keeps none: a changed byte in its file is read without an error.
``journal.sqlite-sums`` is a header and an entry a page. An entry has two sums,
of the page as it was and as it is to be: both are written before SQLite copies
pages from its log into the file, so that the file is right at any moment, and
after a kill at any moment. Pages that the log still holds are not looked at.
"""

import contextlib
import os
import sqlite3
import struct
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import crc32c

from .walfile import PAGE

_HEAD = struct.Struct("<8sIIII")
_VERSIONS = struct.Struct("<III")
_ENTRY = struct.Struct("<III")
_MAGIC = b"podlsum1"
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
            sums = self._sums(number)
            if number > known or len(page) < PAGE:
                wrong.append(number)
            elif sums is None:
                unknown.append(number)
            elif page_sum(number, page) not in sums or (number == 1 and not self._is_first(page)):
                wrong.append(number)
        return wrong, unknown

    def build(self) -> None:
        """Takes the main file as it is.

        Raises:
            OSError: it cannot be read, or the sums cannot be written.
        """
        self._entries.clear()
        self.update({n: page_sum(n, page) for n, page in _pages(self._journal, 0)})

    def update(self, sums: Mapping[int, int]) -> None:
        """Says what pages are about to become; on the disk when it returns.

        Raises:
            OSError: the sums cannot be written; the pages must stay in the log.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if self.missing:
                os.ftruncate(fd, 0)
            self._take(sums)
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
            before = self._sums(number)
            _ENTRY.pack_into(
                self._entries,
                (number - 1) * _ENTRY.size,
                *_sealed(number, fresh if before is None else before[1], fresh),
            )

    def _sums(self, number: int) -> tuple[int, int] | None:
        """What a page may be; None if that cannot be told."""
        if number * _ENTRY.size > len(self._entries):
            return None
        before, now, seal = _ENTRY.unpack_from(self._entries, (number - 1) * _ENTRY.size)
        return (before, now) if seal == _sealed(number, before, now)[2] else None

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
        said = (_VERSION, before, len(self._entries) // _ENTRY.size)
        return _HEAD.pack(_MAGIC, *said, crc32c.crc32c(_VERSIONS.pack(*said)))

    def _load(self) -> bool:
        try:
            data = self._path.read_bytes()
            magic, *said, seal = _HEAD.unpack_from(data)
        except (OSError, struct.error):
            return False
        version, before, count = said
        end = _HEAD.size + count * _ENTRY.size
        if magic != _MAGIC or seal != crc32c.crc32c(_VERSIONS.pack(*said)) or end > len(data):
            return False
        self._versions |= {version, before} if version == _VERSION else {version}
        self._entries = bytearray(data[_HEAD.size : end])
        return True


def _sealed(number: int, before: int, now: int) -> tuple[int, int, int]:
    return before, now, crc32c.crc32c(struct.pack("<III", number, before, now))


def _pages(path: Path, least: int) -> Iterator[tuple[int, bytes]]:
    """All pages of a file, and what is missing of the first `least`."""
    number = 0
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        while block := file.read(PAGE * 256):
            for at in range(0, len(block), PAGE):
                number += 1
                yield number, block[at : at + PAGE]
    yield from ((n, b"") for n in range(number + 1, least + 1))

"""The write-ahead log beside a journal: which commits in it are whole, and what is not.

SQLite reads a -wal file up to its last whole commit and says nothing of the
rest. Here it is read once more, to say what was cut. The file is a header
(magic, page size, two salts, checksum) and frames (page number, size of the
database if the frame ends a commit, salts, checksum, page); each checksum goes
on from the one before it, and frames behind the last that carry other salts
are left over from an older generation.
"""

import dataclasses
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

PAGE = 4096
"""Bytes of a page of the journal."""

_HEADER, _FRAME = 32, 24 + PAGE
_MAGIC = 0x377F0682
_CHUNK = 256
_MASK = 0xFFFFFFFF
_OLDER = 1 << 20

Words = npt.NDArray[np.uint32]
Sum = tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Wal:
    """What a write-ahead log holds.

    Attributes:
        path: the file.
        pages: where the last committed version of each page lies in it.
        cut: what is behind its last whole commit, in words; "" if nothing.
        damaged: it is more than what a kill leaves behind.
        salts: tell this log from the one before it; b"" if there is none.
    """

    path: Path
    pages: dict[int, int]
    cut: str = ""
    damaged: bool = False
    salts: bytes = b""

    @property
    def frames(self) -> int:
        """How many frames its whole commits have."""
        last = max(self.pages.values(), default=0)
        return (last - _HEADER) // _FRAME + 1 if last else 0

    def read(self) -> Iterator[tuple[int, bytes]]:
        """The committed pages, each with its number."""
        if self.pages:
            with self.path.open("rb") as file:
                for number, at in self.pages.items():
                    yield number, os.pread(file.fileno(), PAGE, at)


def wal_path(journal: Path) -> Path:
    """The write-ahead log of a journal."""
    return journal.with_name(journal.name + "-wal")


def wal_size(journal: Path) -> int:
    """Bytes of a journal's write-ahead log."""
    try:
        return wal_path(journal).stat().st_size
    except OSError:
        return 0


def scan(journal: Path) -> Wal:
    """Reads the write-ahead log of a journal; one that is missing or empty holds nothing.

    Raises:
        OSError: it cannot be read.
    """
    path = wal_path(journal)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return Wal(path, {})
    with file:
        return _Scan(path, file.fileno()).run()


class _Scan:
    """One pass over the file."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path, self._fd = path, fd
        self._size = os.fstat(fd).st_size
        self._salts = b""
        self._order = "<u4"
        self._pages: dict[int, int] = {}
        self._open: dict[int, int] = {}
        self._end = _HEADER

    def run(self) -> Wal:
        if self._size == 0:
            return Wal(self._path, {})
        total = self._start(os.pread(self._fd, _HEADER, 0))
        if total is None:
            text = f"the header of {self._path.name} is damaged; {self._rest(0)}"
            return Wal(self._path, {}, text, damaged=True)
        frames = (self._size - _HEADER) // _FRAME
        for first in range(0, frames, _CHUNK):
            count = min(_CHUNK, frames - first)
            data = os.pread(self._fd, count * _FRAME, _HEADER + first * _FRAME)
            good, total = self._frames(data, first, total)
            if good < count:
                return self._found(first + good)
        return self._found(frames)

    def _found(self, frame: int) -> Wal:
        return Wal(self._path, self._pages, *self._behind(frame), salts=self._salts)

    def _start(self, header: bytes) -> Sum | None:
        """Takes the header; None if it is not whole."""
        if len(header) < _HEADER:
            return None
        magic, version, page, _ = struct.unpack(">4I", header[:16])
        self._salts = header[16:24]
        self._order = ">u4" if magic & 1 else "<u4"
        if magic & ~1 != _MAGIC or version != 3007000 or page != PAGE:
            return None
        words = np.frombuffer(header[:24], self._order).astype(np.uint32).reshape(1, -1)
        total = _sums(words)[0]
        return total if struct.unpack(">2I", header[24:]) == total else None

    def _frames(self, data: bytes, first: int, total: Sum) -> tuple[int, Sum]:
        """How many frames from `first` on are whole, and the checksum then."""
        frames = np.frombuffer(data, np.uint8).reshape(-1, _FRAME)
        summed = np.concatenate((frames[:, :8], frames[:, 24:]), axis=1)
        parts = _sums(summed.view(self._order).astype(np.uint32))
        for i, (part0, part1) in enumerate(parts):
            head = data[i * _FRAME : i * _FRAME + 24]
            number, size = struct.unpack(">2I", head[:8])
            (a, b), (c, d) = _STEP
            total = (
                (a * total[0] + b * total[1] + part0) & _MASK,
                (c * total[0] + d * total[1] + part1) & _MASK,
            )
            if head[8:16] != self._salts or not number or head[16:] != struct.pack(">2I", *total):
                return i, total
            self._open[number] = _HEADER + (first + i) * _FRAME + 24
            if size:
                self._pages |= self._open
                self._end = _HEADER + (first + i + 1) * _FRAME
                self._open.clear()
        return len(parts), total

    def _behind(self, frame: int) -> tuple[str, bool]:
        """What lies behind the last whole commit, and whether something was damaged.

        Args:
            frame: the first that is not whole.
        """
        rest = self._size - _HEADER - frame * _FRAME
        head = os.pread(self._fd, 24, _HEADER + frame * _FRAME)
        name = self._path.name
        if rest >= _FRAME and not self._is_older(head):
            return f"page {frame + 1} of {name} is damaged; {self._rest(frame)}", True
        if self._open or (rest and not self._is_older(head)):
            size = self._size - self._end
            text = f"{name} ended in {size} bytes of an unfinished commit, as a kill leaves it"
            return text, False
        return "", False

    def _is_older(self, head: bytes) -> bool:
        """Whether a frame is left over from before the log was begun again."""
        if len(head) < 16 or head[12:16] == self._salts[4:]:
            return False
        (now,), (then,) = struct.unpack(">I", self._salts[:4]), struct.unpack(">I", head[8:12])
        return bool(0 < (now - then) & _MASK < _OLDER)

    def _rest(self, frame: int) -> str:
        """What is lost from `frame` on."""
        frames = commits = 0
        for at in range(_HEADER + frame * _FRAME, self._size, _FRAME):
            head = os.pread(self._fd, 24, at)
            frames += 1
            commits += head[8:16] == self._salts and head[4:8] != bytes(4)
        return f"it and what is behind it were cut ({frames} pages, {commits} commits)"


def _sums(words: Words) -> list[Sum]:
    """SQLite's checksum of each row of words, from zero."""
    weights0, weights1 = _weights(words.shape[1] // 2)
    sums0 = (words * weights0).sum(axis=1, dtype=np.uint32).tolist()
    sums1 = (words * weights1).sum(axis=1, dtype=np.uint32).tolist()
    return list(zip(sums0, sums1, strict=True))


def _weights(steps: int) -> tuple[Words, Words]:
    """By what each word of `steps` pairs counts in both halves of the checksum.

    A step is s0 += x0 + s1; s1 += x1 + s0.
    """
    if steps not in _WEIGHTS:
        rows0, rows1 = [], []
        (a, b), (c, d) = (1, 0), (1, 1)
        for _ in range(steps):
            rows0 += [b, a]
            rows1 += [d, c]
            (a, b), (c, d) = (
                ((a + c) & _MASK, (b + d) & _MASK),
                ((a + 2 * c) & _MASK, (b + 2 * d) & _MASK),
            )
        _WEIGHTS[steps] = (np.array(rows0[::-1], np.uint32), np.array(rows1[::-1], np.uint32))
    return _WEIGHTS[steps]


def _power(steps: int) -> tuple[Sum, Sum]:
    """What `steps` steps do to a checksum that they go on from."""
    (a, b), (c, d) = (1, 0), (0, 1)
    for _ in range(steps):
        a, b, c, d = a + c, b + d, a + 2 * c, b + 2 * d
        a, b, c, d = a & _MASK, b & _MASK, c & _MASK, d & _MASK
    return (a, b), (c, d)


_WEIGHTS: dict[int, tuple[Words, Words]] = {}
_STEP = _power((8 + PAGE) // 8)

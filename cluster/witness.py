"""What a process of the synthetic load has spooled, kept where a kill cannot reach it.

A file of its own that is mapped into memory, of one size for ever. Each life of
the process has a place of two halves, written in turn::

    magic │ life 1: half, half │ life 2: half, half │ …      half: ten numbers and their crc32c

so that the half that a kill interrupted is known by its checksum, and the one
before it still counts. It knows nothing of spool, wire and journal.
"""

import dataclasses
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import crc32c

_MAGIC = b"podlogW1"
_HALF = struct.Struct("<11Q")
LIVES = 2000
"""Lives that one file has room for."""

_SIZE = len(_MAGIC) + LIVES * 2 * _HALF.size


@dataclasses.dataclass(frozen=True, slots=True)
class Life:
    """What one life of a process has surely spooled.

    Attributes:
        incarnation: of its Logger.
        job: which life of the job it was in, from 1.
        first: its first step.
        step: its last step; below `first` if there was none.
        seq: its last sequence number.
        serial: how many host records it made, numbered from 1.
        lines: how many log lines, numbered from 1.
        epochs: how many epoch records.
        ended: whether it ended in order, everything delivered.
        writes: how often this was written.
    """

    incarnation: int
    job: int
    first: int
    step: int
    seq: int = 0
    serial: int = 0
    lines: int = 0
    epochs: int = 0
    ended: int = 0
    writes: int = 0


class Witness:
    """The file of one process, as the life that is in it now writes it.

    Args:
        path: made if it is not there.

    Attributes:
        before: the lives so far, in order.
    """

    def __init__(self, path: Path) -> None:
        self.before = lives(path)
        if len(self.before) >= LIVES:
            raise ValueError(f"{path} has no room for another life")
        with path.open("a+b") as file:
            if not self.before:
                file.truncate(0)
                file.write(_MAGIC)
                file.truncate(_SIZE)
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._at = len(_MAGIC) + len(self.before) * 2 * _HALF.size
        self._writes = 0

    def write(self, life: Life) -> None:
        """Takes down what is spooled by now."""
        self._writes += 1
        life = dataclasses.replace(life, writes=self._writes)
        numbers = dataclasses.astuple(life)
        check = crc32c.crc32c(struct.pack("<10Q", *numbers))
        at = self._at + self._writes % 2 * _HALF.size
        self._map[at : at + _HALF.size] = _HALF.pack(*numbers, check)

    def close(self) -> None:
        """Lets the file go; safe twice."""
        self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lives(path: Path) -> list[Life]:
    """The lives in a witness's file, in order; none if there is no file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not such a file.
    """
    if not path.exists():
        return []
    data = path.read_bytes()
    if data and data[: len(_MAGIC)] != _MAGIC:
        raise ValueError(f"{path} is not a witness's file")
    return list(_lives(data))


def _lives(data: bytes) -> Iterator[Life]:
    for start in range(len(_MAGIC), len(data) - 2 * _HALF.size + 1, 2 * _HALF.size):
        halves = [_half(data, start), _half(data, start + _HALF.size)]
        found = [half for half in halves if half is not None]
        if not found:
            return
        yield max(found, key=lambda half: half.writes)


def _half(data: bytes, at: int) -> Life | None:
    *numbers, check = _HALF.unpack_from(data, at)
    if not numbers[0] or check != crc32c.crc32c(data[at : at + _HALF.size - 8]):
        return None
    return Life(*numbers)

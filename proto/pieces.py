"""Reading a log file back, damaged or not: whole frames, and what lies between.

A frame counts only with its checksum. Where one does not fit, the next one that
does is looked for byte by byte; the stretch up to it is a damaged piece. Behind
the last whole frame there may be a torn tail, which is a damaged piece too.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from .logfile import FRAME_BYTES, MAGIC, frame_length, is_whole

_WINDOW = 1 << 20


class Piece(NamedTuple):
    """A stretch of a log file.

    Attributes:
        offset: where it begins.
        end: where the next one begins.
        payload: that of a whole frame; None: damaged.
    """

    offset: int
    end: int
    payload: bytes | None


def pieces(
    file: BinaryIO, offset: int = len(MAGIC), end: int | None = None, *, begins: bytes = b""
) -> Iterator[Piece]:
    """The pieces of `file` from `offset` to `end`, one at a time.

    Works while the file is written; what is not whole yet is a torn tail.

    Args:
        file: open for reading; nothing else moves its position meanwhile.
        offset: where a frame begins; by default the header's.
        end: where the last frame ends; None: the end of the file.
        begins: bytes with which a payload may begin; behind damage only such
            frames are looked for. Empty: any.

    Raises:
        OSError: it cannot be read.
    """
    if end is None:
        end = os.fstat(file.fileno()).st_size
    while offset < end:
        payload = _payload(file, offset, end)
        if payload is not None:
            behind = offset + FRAME_BYTES + len(payload)
        else:
            behind = _next_frame(file, offset + 1, end, begins)
        yield Piece(offset, behind, payload)
        offset = behind


def _payload(file: BinaryIO, offset: int, end: int) -> bytes | None:
    file.seek(offset)
    prefix = file.read(FRAME_BYTES)
    if len(prefix) < FRAME_BYTES:
        return None
    length = frame_length(prefix)
    # A damaged length must not make us ask for gigabytes.
    if offset + FRAME_BYTES + length > end:
        return None
    payload = file.read(length)
    return payload if is_whole(prefix, payload) else None


def _next_frame(file: BinaryIO, offset: int, end: int, begins: bytes) -> int:
    """Where the next whole frame begins, or `end`."""
    while offset + FRAME_BYTES < end:
        file.seek(offset)
        window = file.read(min(_WINDOW, end - offset))
        if len(window) <= FRAME_BYTES:
            break
        for at in _candidates(window, end - offset, begins):
            if _payload(file, offset + at, end) is not None:
                return offset + at
        offset += len(window) - FRAME_BYTES
    return end


def _candidates(window: bytes, room: int, begins: bytes) -> list[int]:
    """Positions in `window` at which the length of a frame fits into `room` bytes."""
    data = np.frombuffer(window, np.uint8)
    count = len(data) - FRAME_BYTES
    lengths = np.zeros(count, np.int64)
    for i in range(4):
        lengths |= data[i : i + count].astype(np.int64) << (8 * i)
    fits = (lengths > 0) & (lengths + FRAME_BYTES + np.arange(count) <= room)
    if begins:
        fits &= np.isin(data[FRAME_BYTES:], np.frombuffer(begins, np.uint8))
    return [int(at) for at in np.flatnonzero(fits)]

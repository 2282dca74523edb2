"""Messages larger than a frame: cut into pieces on one side, joined on the other.

A piece travels as a `pb.Chunk`; the pieces of one message follow each other on
their stream with nothing between them. Both sides use the same two things.
"""

from collections.abc import Iterator

from . import podlog_pb2 as pb
from .errors import WireError

FRAME = 256 << 10
"""Bytes of a message from which on it is cut, and of a piece."""

LARGEST_FRAME = 1 << 20
"""Bytes of the largest frame that a coordinator takes."""

LARGEST_MESSAGE = 80 << 20
"""Bytes of the largest message in pieces that a coordinator takes."""


def split(data: bytes, limit: int = FRAME) -> list[bytes]:
    """The pieces of a serialized message, in order, at least one.

    Args:
        data: the message.
        limit: bytes of a piece.
    """
    if len(data) <= limit:
        return [data]
    view = memoryview(data)
    return [bytes(view[at : at + limit]) for at in range(0, len(data), limit)]


def chunks(data: bytes, limit: int = FRAME) -> Iterator[pb.Chunk]:
    """The messages that `split`'s pieces travel in."""
    pieces = split(data, limit)
    for number, piece in enumerate(pieces, 1):
        yield pb.Chunk(data=piece, last=number == len(pieces))


class Joiner:
    """Joins the pieces of one stream. For one thread.

    Args:
        limit: bytes of the largest message.

    Attributes:
        size: bytes of the message that is not complete yet.
    """

    def __init__(self, limit: int = LARGEST_MESSAGE) -> None:
        self.size = 0
        self._limit = limit
        self._pieces: list[bytes] = []

    def add(self, data: bytes, last: bool) -> bytes | None:
        """Takes a piece; returns the message if this was its last.

        Raises:
            WireError: an empty piece that is not the last, or a message above the limit.
        """
        if not data and not last:
            raise WireError("an empty chunk that is not the last of its message")
        if self.size + len(data) > self._limit:
            raise WireError(f"a message in chunks is larger than {self._limit} bytes")
        self._pieces.append(data)
        self.size += len(data)
        if not last:
            return None
        message = b"".join(self._pieces)
        self.clear()
        return message

    def clear(self) -> None:
        """Forgets the message that is not complete."""
        self._pieces.clear()
        self.size = 0

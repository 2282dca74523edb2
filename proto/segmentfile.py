"""One segment of a spool as a reader finds it: its name, and what it holds."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from . import podlog_pb2 as pb
from .errors import WireError
from .gaps import block_span, standing_in
from .logfile import MAGIC
from .pieces import Piece, pieces

MESSAGE_BEGINS = b"\x0a\x1a"
"""With what a frame's payload may begin: the tags of hello and batch in `pb.WorkerMessage`."""

_NAME = re.compile(r"(\d{1,10})-([0-9a-f]{16})\.(\d{1,18})(\.new)?")


class SegmentName(NamedTuple):
    """What the name of a segment says.

    Attributes:
        process: index of the writer.
        incarnation: of the writer.
        number: segments of one incarnation are in order of it.
        unfinished: a file that was to take the place of a segment and did not.
    """

    process: int
    incarnation: int
    number: int
    unfinished: bool

    @classmethod
    def of(cls, path: Path) -> "SegmentName | None":
        """The name of `path`; None: not a segment."""
        found = _NAME.fullmatch(path.name)
        if found is None:
            return None
        process, incarnation, number, unfinished = found.groups()
        return cls(int(process), int(incarnation, 16), int(number), unfinished is not None)


def segment_name(process: int, incarnation: int, number: int) -> str:
    """The file name of a segment."""
    return f"{process}-{incarnation:016x}.{number:06d}"


@dataclasses.dataclass(slots=True)
class Contents:
    """What a segment holds, without its values.

    Attributes:
        hellos: those of its writer, the header first.
        first: the lowest number, 0 if there is none.
        last: the highest number, 0 if there is none.
        records: how many records there are.
        cut: bytes behind the last whole frame.
        lost: what its gap records declare lost: first, last, cause.
        problems: what cannot be read, in words.
        schemas: by id.
    """

    hellos: list[pb.Hello] = dataclasses.field(default_factory=list)
    first: int = 0
    last: int = 0
    records: int = 0
    cut: int = 0
    lost: list[tuple[int, int, str]] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    schemas: dict[int, pb.Schema] = dataclasses.field(default_factory=dict)


def scan(name: SegmentName, file: BinaryIO) -> Contents:
    """Reads a whole segment; never raises for what is damaged.

    Raises:
        OSError: it cannot be read.
    """
    found = Contents()
    file.seek(0)
    magic = file.read(len(MAGIC))
    if len(magic) < len(MAGIC):
        found.cut = len(magic)
    elif magic != MAGIC:
        found.problems.append(f"bytes 0 to {len(MAGIC)} are damaged")
    damaged: Piece | None = None
    for piece in pieces(file, begins=MESSAGE_BEGINS):
        if piece.payload is None:
            damaged = piece
            continue
        if damaged is not None:
            found.problems.append(f"bytes {damaged.offset} to {damaged.end} are damaged")
            damaged = None
        if piece.offset == len(MAGIC):
            _take_header(found, piece.payload)
        else:
            _take(found, name, piece)
    if damaged is not None:
        found.cut = damaged.end - damaged.offset
    return found


def read_header(file: BinaryIO) -> pb.Hello | None:
    """What the header of a segment says; None if it is damaged.

    Raises:
        OSError: it cannot be read.
    """
    found = Contents()
    piece = next(pieces(file), None)
    if piece is not None and piece.payload is not None:
        _take_header(found, piece.payload)
    return found.hellos[0] if found.hellos else None


def blocks(name: SegmentName, file: BinaryIO) -> Iterator[tuple[int, int, pb.Block]]:
    """Each block that can be read, with its first and last number, in ascending order.

    Raises:
        OSError: it cannot be read.
    """
    last = 0
    for piece in pieces(file, begins=MESSAGE_BEGINS):
        if piece.payload is None or piece.offset == len(MAGIC):
            continue
        message = _message(piece.payload)
        for block in message.batch.blocks if message is not None else ():
            span = _span(name, block)
            if span is not None and span[0] > last:
                last = span[1]
                yield *span, block


def _take_header(found: Contents, payload: bytes) -> None:
    try:
        found.hellos.append(pb.Hello.FromString(payload))
    except Exception as error:
        found.problems.append(f"its header is no Hello ({error})")


def _take(found: Contents, name: SegmentName, piece: Piece) -> None:
    message = _message(piece.payload or b"")
    if message is None:
        found.problems.append(f"the frame at byte {piece.offset} is no message")
        return
    if message.HasField("hello"):
        found.hellos.append(message.hello)
    found.schemas.update((schema.id, schema) for schema in message.batch.schemas)
    for block in message.batch.blocks:
        span = _span(name, block)
        if span is None or span[0] <= found.last:
            found.problems.append(f"the frame at byte {piece.offset} does not belong here")
            continue
        found.first = found.first or span[0]
        found.last = span[1]
        found.records += len(block.step)
        gap = standing_in(block)
        if gap is not None:
            found.lost.append((gap.first, gap.last, gap.cause))


def _message(payload: bytes) -> pb.WorkerMessage | None:
    try:
        return pb.WorkerMessage.FromString(payload)
    except Exception:
        return None


def _span(name: SegmentName, block: pb.Block) -> tuple[int, int] | None:
    if (block.process, block.incarnation) != (name.process, name.incarnation):
        return None
    try:
        return block_span(block)
    except WireError:
        return None

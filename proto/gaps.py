"""Blocks that stand in for records that are lost: declared, not forgotten.

Such a block holds one record of kind GAP. Its number is the last of those that
it declares lost, so it takes their place in the stream.
"""

import time

from . import podlog_pb2 as pb
from .codec import GAP_SCHEMA, body_draft, encode_block, schema_message
from .errors import WireError
from .records import Gap

GAP_SCHEMA_MESSAGE: pb.Schema = schema_message(GAP_SCHEMA)
"""The schema that a gap's block names."""

OTHER_JOURNAL = "acknowledged by a journal that is not this one any more"
"""Why records are lost that their process was told are stored, and that are not."""


def gap_block(hello: pb.Hello, gap: Gap) -> pb.Block:
    """A block that stands in for ``gap.first`` to ``gap.last``.

    Args:
        hello: whose records they were.
        gap: what is lost, and why.
    """
    draft = body_draft(gap, time.time())
    return encode_block(hello.process, hello.incarnation, hello.restores, gap.last, [draft])


def block_span(block: pb.Block) -> tuple[int, int]:
    """The first and the last number that a block holds, or declares lost in their place.

    Raises:
        WireError: its gap cannot be read, or it holds nothing.
    """
    gap = standing_in(block)
    if gap is not None:
        return gap.first, gap.last
    if not block.step or block.first_seq < 1:
        raise WireError(f"block of process {block.process} holds no record")
    return int(block.first_seq), int(block.first_seq) + len(block.step) - 1


def standing_in(block: pb.Block) -> Gap | None:
    """What a block declares lost in its place; None for any other block.

    Raises:
        WireError: its gap cannot be read.
    """
    if block.schema_id != GAP_SCHEMA_MESSAGE.id or len(block.payloads) != 1:
        return None
    try:
        gap = pb.Gap.FromString(block.payloads[0])
    except Exception as error:
        raise WireError(f"block of process {block.process}: unreadable gap ({error})") from error
    if not gap.first <= block.first_seq <= gap.last:
        return None
    return Gap(gap.first, gap.last, gap.cause)

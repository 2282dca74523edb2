"""Which drafts travel in one block, and how large they are."""

from collections.abc import Iterator, Sequence

from ..proto.records import Draft

_BLOCK_BYTES = 64 << 10


def runs(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    """Neighbours that fit into one block: one schema, about 64 KiB."""
    run: list[Draft] = []
    size = 0
    for draft in drafts:
        if run and (draft.schema != run[0].schema or size > _BLOCK_BYTES):
            yield run
            run, size = [], 0
        run.append(draft)
        size += draft_bytes(draft)
    if run:
        yield run


def draft_bytes(draft: Draft) -> int:
    """About what a draft takes in a block."""
    return 40 + sum(len(v) if isinstance(v, bytes) else 8 for v in draft.values)

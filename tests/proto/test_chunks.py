"""Messages in pieces: what is cut comes back whole, one after the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podlog.proto.chunks import Joiner, split
from podlog.proto.errors import WireError


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(1, 50))
def test_what_is_split_comes_back(messages: list[bytes], limit: int) -> None:
    """Any messages, pieces of any size, on one stream."""
    joiner = Joiner(200)
    for message in messages:
        pieces = split(message, limit)
        assert all(len(piece) <= limit for piece in pieces)
        *first, last = pieces
        assert [joiner.add(piece, False) for piece in first] == [None] * len(first)
        assert joiner.add(last, True) == message
        assert joiner.size == 0


def test_a_joiner_is_bounded() -> None:
    """A message above the limit, or pieces of nothing without end, are refused."""
    joiner = Joiner(10)
    joiner.add(b"x" * 10, False)
    with pytest.raises(WireError, match="larger than 10"):
        joiner.add(b"x", True)
    joiner.clear()
    with pytest.raises(WireError, match="empty"):
        joiner.add(b"", False)
    assert joiner.add(b"", True) == b""

"""Pauses between tries."""

import pytest

from podlog.proto.backoff import Backoff


def test_pauses_double_up_to_the_longest_and_begin_anew() -> None:
    """Each is twice the one before, none longer than the bound; a reset starts again."""
    pauses = Backoff(0.5, 3.0)
    assert [pauses.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    pauses.reset()
    assert pauses.next() == 0.5


@pytest.mark.parametrize("first", [0.0, 0.1])
def test_it_never_ends(first: float) -> None:
    """Thousands of failures in a row are no overflow."""
    pauses = Backoff(first, 2.0)
    assert max(pauses.next() for _ in range(5000)) == (2.0 if first else 0.0)

"""What was given up is counted; tickets that end out of turn take no memory."""

from hypothesis import given
from hypothesis import strategies as st

from podlog.proto.records import Kind
from podlog.worker.losses import Losses
from podlog.worker.numberset import NumberSet


def test_the_cause_counts_kinds_by_reason() -> None:
    """One and many, in the order of what happened."""
    losses = Losses()
    for _ in range(512):
        losses.add("the disk did not take", Kind.HOST)
    losses.add("the disk did not take", Kind.LOG)
    losses.add("cannot be encoded:", Kind.STEP)
    assert losses.count == 514
    assert losses.cause() == (
        "the disk did not take 512 host records, 1 log record; cannot be encoded: 1 step record"
    )


def test_what_is_taken_is_counted_no_more() -> None:
    """The next gap declares what is lost from then on."""
    losses = Losses()
    losses.add("the disk did not take", Kind.HOST)
    taken = losses.take()
    assert (taken.count, losses.count) == (1, 0)
    losses.add("the disk did not take", Kind.LOG)
    assert taken.cause() == "the disk did not take 1 host record"


@given(st.permutations(range(1, 40)))
def test_numbers_become_ranges_and_are_taken_in_order(numbers: list[int]) -> None:
    """As a set would, whatever the order; neighbours are one range."""
    found, model, below = NumberSet(), set[int](), 0
    for number in numbers:
        found.add(number)
        model.add(number)
        below = found.take_from(below + 1)
        model -= set(range(1, below + 1))
        assert found.count == len(model)
        assert len(found) == sum(n - 1 not in model for n in model)
        assert below + 1 not in model
    assert below == 39

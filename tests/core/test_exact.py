"""Sums and quotients that are rounded once and never raise."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.coordinator.core.exact import add, divide, total

numbers = st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(), min_size=1)
HUGE = 10**400


@settings(deadline=None, max_examples=200)
@given(numbers, st.randoms(use_true_random=False))
def test_a_total_is_the_rounded_exact_sum(values, rng):
    """In any order, also where the sum on the way is beyond the floats."""
    exact = sum((Fraction(v) for v in values), Fraction(0))
    found = total(values)
    rng.shuffle(values)
    assert total(values) == found
    try:
        assert found == float(exact) or isinstance(found, int)
    except OverflowError:
        assert isinstance(found, int) or math.isinf(found)
    if isinstance(found, int):
        assert found == exact


@settings(deadline=None, max_examples=200)
@given(st.integers() | st.floats(), st.integers() | st.floats())
def test_a_quotient_of_any_numbers_is_a_float(a, b):
    """Zero, NaN and infinities divide as IEEE 754 says."""
    with np.errstate(all="ignore"):
        expected = float(np.float64(a) / np.float64(b)) if abs(a) < 2**53 > abs(b) else None
    found = divide(a, b)
    assert isinstance(found, float)
    if expected is not None:
        assert found == expected or math.isnan(found) == math.isnan(expected) is True


@pytest.mark.parametrize(
    ("a", "b", "value"),
    [
        (HUGE, HUGE // 2, 2.0),
        (HUGE, 2, math.inf),
        (-HUGE, 2, -math.inf),
        (HUGE, 1e300, 1e100),
        (HUGE, -1.0, -math.inf),
        (math.inf, -HUGE, -math.inf),
        (HUGE, math.inf, 0.0),
        (1, 0, math.inf),
        (-1.0, 0, -math.inf),
        (1e308, 0.1, math.inf),
    ],
)
def test_quotients_beyond_the_floats(a, b, value):
    """Integers of any size divide like their exact values."""
    assert divide(a, b) == value


def test_nothing_over_nothing_is_nan():
    """As is anything over NaN."""
    assert math.isnan(divide(0, 0))
    assert math.isnan(divide(math.nan, 0))
    assert math.isnan(divide(HUGE, math.nan))


def test_integer_arrays_are_added_exactly():
    """As int64 while they fit, else as floats."""
    big = np.array([2**62])
    assert add([big, big - 1]).tolist() == [2**63 - 1]
    assert add([big, big]).tolist() == [2.0**63]
    with pytest.raises(ValueError, match="shapes"):
        add([np.zeros(2), np.zeros(3)])

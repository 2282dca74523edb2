"""Arithmetic that merges rely on: exact sums, divisions that never raise.

A *part* is a Python number or an array. Numbers are summed exactly and rounded
once, so neither order nor cancellation changes a bit; integers stay integers
of any size. Arrays are folded in the order given, integer arrays exactly.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

Number = int | float
Part = Number | np.ndarray


def add(parts: Sequence[Part]) -> Part:
    """The sum of at least one part.

    Raises:
        ValueError: arrays of different shapes.
    """
    first, *rest = parts
    if not rest:
        return first
    numbers = [part for part in parts if not isinstance(part, np.ndarray)]
    if len(numbers) == len(parts):
        return total(numbers)

    arrays = same_shape(parts)
    if all(array.dtype.kind in "biu" for array in arrays):
        exact = sum((array.astype(object) for array in arrays[1:]), arrays[0].astype(object))
        try:
            return np.asarray(exact, np.int64)
        except OverflowError:
            return np.asarray(exact, np.float64)
    with np.errstate(all="ignore"):
        return np.asarray(sum((a.astype(np.float64) for a in arrays[1:]), arrays[0] * 1.0))


def total(numbers: Sequence[Number]) -> Number:
    """The exact sum of numbers, as int if all are, else rounded to the nearest float."""
    floats = [n for n in numbers if isinstance(n, float)]
    whole = sum(n for n in numbers if not isinstance(n, float))
    if not floats:
        return whole

    special = {f for f in floats if math.isinf(f)}
    if len(special) == 2 or any(math.isnan(f) for f in floats):
        return math.nan
    if special:
        return special.pop()
    if not whole:
        try:
            return math.fsum(floats)
        except OverflowError:
            pass
    exact = sum((Fraction(f) for f in floats), Fraction(whole))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def total_of_floats(numbers: Sequence[Number]) -> Number:
    """What `total` gives for floats only, sooner."""
    try:
        rounded = math.fsum(numbers)
    except (OverflowError, ValueError):
        return total(numbers)
    return rounded if rounded == rounded else math.nan


def divide(a: Part, b: Part) -> Part:
    """``a / b`` as IEEE 754 has it, correctly rounded for integers of any size.

    Raises:
        ValueError: arrays of which neither has the shape of the quotient.
    """
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if np.broadcast_shapes(np.shape(a), np.shape(b)) not in (np.shape(a), np.shape(b)):
            raise ValueError(f"arrays of different shapes: {np.shape(a)} and {np.shape(b)}")
        with np.errstate(all="ignore"):
            return np.asarray(np.true_divide(a, b))
    try:
        return a / b
    except ZeroDivisionError:
        sign = math.copysign(1.0, b)
        return math.nan if not a or math.isnan(a) else math.copysign(math.inf, a) * sign
    except OverflowError:
        return _rounded(a, b)


def _rounded(a: Number, b: Number) -> float:
    """A quotient that takes an integer beyond the floats."""
    if isinstance(a, float) and not math.isfinite(a):
        return a if b > 0 else -a
    if isinstance(b, float) and not math.isfinite(b):
        return math.copysign(0.0, b) * (1 if a > 0 else -1) if math.isinf(b) else math.nan
    exact = Fraction(a) / Fraction(b)
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def same_shape(parts: Sequence[Part]) -> list[np.ndarray]:
    """The parts as arrays of one shape.

    Raises:
        ValueError: they differ.
    """
    arrays = [np.asarray(part) for part in parts]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"arrays of different shapes: {sorted(shapes)}")
    return arrays

"""What a user passes to ``log_host_metrics`` beside plain numbers.

A wrapper says how the values of all processes become one: ``Mean(total, count)``
pools samples, `Sum`, `Max` and `Min` reduce, `Counter` keeps a running total.
Fields may be numbers, or arrays of size one; they are read and checked later,
off the training thread, so making one costs next to nothing and cannot fail.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Mean:
    """A mean over samples: merged as sum of totals over sum of counts."""

    total: Any
    count: Any = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Sum:
    """A part of a sum over processes."""

    value: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Max:
    """A candidate for the maximum over processes."""

    value: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Min:
    """A candidate for the minimum over processes."""

    value: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Counter:
    """An increment of a running total, which the Logger keeps by key."""

    increment: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution.

    Attributes:
        values: samples, binned when they are read; None if counts are given.
        edges: bin edges, shape (k + 1,), increasing; with `values` it may be a
            number of bins, whose edges then come from the values' range (such
            histograms of different processes are kept side by side).
        counts: shape (k,).
    """

    values: Any = None
    edges: Any = 64
    counts: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """A picture: shape (height, width[, 1 | 3 | 4]), uint8 or floats in [0, 1]."""

    pixels: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A text, kept for each process."""

    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; cells are numbers, strings, bools or None."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


Wrapper = Mean | Sum | Max | Min | Counter | Histogram | Image | Text | Table
"""Every kind of wrapped value."""

"""Sums in 32 bits that lose nothing, and the names of log modes.

A sum is a pair (leaf, extra). Of floats, `extra` is what rounding took from
the leaf. Of integers it counts blocks of 2**30 that were carried over, so that
neither half overflows below 2**54. A pair of zeros is an empty sum. The two extras of a
mean (of its value and its count) are the two rows of its ``value2``.
"""

import functools
from typing import Any

import numpy as np

BLOCK = 1 << 30

MODES = (
    "mean",
    "mean_nopostfix",
    "single",
    "max",
    "min",
    "sum",
    "std",
    "single_noreduce",
    "single_noreduce_wcount",
)
"""The log modes; a name that contains one of the seed's is taken for it."""

_BY_SUBSTRING = (
    "single_noreduce_wcount",
    "single_noreduce",
    "mean_nopostfix",
    "single",
    "mean",
    "max",
    "std",
)


@functools.lru_cache(maxsize=1024)
def base_mode(log_mode: str) -> str:
    """The mode that `log_mode` names or contains.

    Raises:
        ValueError: it is none of `MODES`.
    """
    if log_mode in MODES:
        return log_mode
    for mode in _BY_SUBSTRING:
        if mode in log_mode:
            return mode
    raise ValueError(f"log mode {log_mode!r} is none of {', '.join(MODES)}")


@functools.lru_cache(maxsize=8192)
def host_key(key: str, log_mode: str) -> str:
    """The name under which a mode of a metric is logged."""
    return key if base_mode(log_mode) == "mean_nopostfix" else f"{key}_{log_mode}"


def add(xp: Any, leaf: Any, extra: Any, value: Any) -> tuple[Any, Any]:
    """The pair of a sum after adding `value`.

    Args:
        xp: ``numpy`` or ``jax.numpy``.
        leaf: the pair so far.
        extra: its second half; broadcasts against `leaf`.
        value: an array of `xp`, integers or floats.
    """
    if xp.issubdtype(xp.result_type(leaf, value), xp.integer):
        kept, added = xp.fmod(leaf, BLOCK), xp.fmod(value, BLOCK)
        total = kept + added
        rest = xp.fmod(total, BLOCK)
        carried = (leaf - kept) // BLOCK + (value - added) // BLOCK + (total - rest) // BLOCK
        return rest, extra + carried

    total = leaf + value
    part = total - leaf
    lost = (leaf - (total - part)) + (value - part)
    return total, extra + xp.where(xp.isfinite(total), lost, 0)


def read(leaf: Any, extra: Any) -> Any:
    """The sum that a pair on the host stands for: a number, or an array in 64 bits."""
    if isinstance(leaf, int) and np.ndim(extra) == 0:
        return leaf + int(extra) * BLOCK
    if isinstance(leaf, float) and np.ndim(extra) == 0:
        return leaf + float(extra)
    leaf, extra = np.asarray(leaf), np.asarray(extra)
    if np.issubdtype(leaf.dtype, np.integer):
        return leaf.astype(np.int64) + extra.astype(np.int64) * BLOCK
    return leaf.astype(np.float64) + extra.astype(np.float64)

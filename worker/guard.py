"""Finding NaN and infinities in the states of a record."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..proto.codec import unpack_array
from ..proto.records import Column, Dtype, Op, State

_OPAQUE = frozenset({Op.TEXT, Op.IMAGE, Op.TABLE, Op.PAYLOAD})


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A value that is not finite.

    Attributes:
        key: the metric.
        nan: a NaN; else an infinity.
        everywhere: every process of the job holds this very value.
    """

    key: str
    nan: bool
    everywhere: bool


def scan(states: Sequence[State], process_count: int) -> list[Finding]:
    """What is not finite in `states`: at most one NaN and one infinity a key.

    Args:
        states: complete states (no digests).
        process_count: how many processes the job has.
    """
    numbers = [c for state in states for c in state.columns if not isinstance(c, bytes)]
    finite = math.isfinite(sum(numbers))
    findings = []
    for state in states:
        if finite and Dtype.BYTES not in state.metric.dtypes:
            continue
        if state.metric.op in _OPAQUE:
            continue
        nan, inf = _look(state.columns)
        if state.metric.op is Op.HISTOGRAM:
            inf = False  # outer edges may be infinite, counts are not
        everywhere = process_count == 1 or len(state.metric.replicas) == process_count
        if nan:
            findings.append(Finding(state.metric.key, True, everywhere))
        if inf:
            findings.append(Finding(state.metric.key, False, everywhere))
    return findings


def _look(columns: Sequence[Column]) -> tuple[bool, bool]:
    nan = inf = False
    for column in columns:
        if isinstance(column, float):
            nan |= math.isnan(column)
            inf |= math.isinf(column)
        elif isinstance(column, bytes):
            array = unpack_array(column)
            if np.issubdtype(array.dtype, np.inexact):
                nan |= bool(np.isnan(array).any())
                inf |= bool(np.isinf(array).any())
    return nan, inf

"""The merge table: one rule for each op, from units in process order to a value.

===============  =========================  =====================================
op               columns                    merged
===============  =========================  =====================================
MEAN             total, count               Σ / Σ
SUM, COUNTER     value                      Σ
MIN, MAX         value                      min, max; NaN if one is
SINGLE           value, count               the lowest process's
STD              count, mean, m2            of the pooled samples
CONCAT           array                      in process order
CONCAT_COUNTED   array, counts              in process order, a tuple
HISTOGRAM        edges, counts              added if edges are equal, else kept
NUMBER           value                      mean over processes, or as asked
TEXT, IMAGE, …   payload                    kept per process
===============  =========================  =====================================

Applied to one unit a rule gives that process's own value. Rules raise
ValueError where arrays of processes do not fit each other.
"""

import enum
import math
from collections.abc import Callable, Sequence

import numpy as np

from ...proto.records import Dtype, Op
from ...proto.rows import Histogram, Media, PerProcess, Value
from .exact import Part, add, divide, same_shape, total, total_of_floats
from .units import Units

_F8 = Dtype.F8  # an enum's members are slow to look up


class Nothing(enum.Enum):
    """There is no sample, so there is no value."""

    NOTHING = 0


NOTHING = Nothing.NOTHING
Rule = Callable[[Units], Value | Nothing]


def rule_of(op: Op, reduce: str = "mean") -> Rule:
    """The rule of an op.

    Args:
        op: any op of a row's metric.
        reduce: for `Op.NUMBER`: ``mean``, ``sum``, ``min`` or ``max``.
    """
    return _REDUCE[reduce] if op is Op.NUMBER else _RULES[op]


def _mean(units: Units) -> Value | Nothing:
    sums, count = _added(units, 0), _added(units, 1)
    if type(count) is int and count:
        return divide(sums, count)
    if not isinstance(count, np.ndarray) and not count and bool(np.all(np.isfinite(_floats(sums)))):
        return NOTHING
    return divide(sums, count)


def _added(units: Units, column: int) -> Part:
    if not units.plain:
        return add(units.parts(column))
    numbers = units.numbers(column)
    if len(numbers) == 1:
        return numbers[0]
    return total_of_floats(numbers) if units.dtypes[column] is _F8 else sum(numbers)


def _sum(units: Units) -> Value:
    return _added(units, 0)


def _min(units: Units) -> Value:
    return _extreme(units, min, np.minimum)


def _max(units: Units) -> Value:
    return _extreme(units, max, np.maximum)


def _extreme(units: Units, pick: Callable[..., Part], ufunc: np.ufunc) -> Part:
    parts = units.parts(0)
    if not units.plain and any(isinstance(part, np.ndarray) for part in parts):
        return np.asarray(ufunc.reduce(same_shape(parts)))
    if any(isinstance(part, float) and math.isnan(part) for part in parts):
        return math.nan
    return pick(parts)


def _single(units: Units) -> Value | Nothing:
    for value, count in zip(units.parts(0), units.parts(1), strict=True):
        if np.all(np.asarray(count) == 1):
            return value
        if np.any(count):
            return divide(value, count)
    return NOTHING


def _std(units: Units) -> Value | Nothing:
    states = zip(units.parts(0), units.parts(1), units.parts(2), strict=True)
    counted = [s for s in states if (s[0] if units.plain else np.any(s[0]))]
    if not counted:
        return NOTHING
    counts, means, m2s = zip(*counted, strict=True)
    if not units.plain and any(isinstance(part, np.ndarray) for part in (*counts, *means, *m2s)):
        return _std_arrays(counts, means, m2s)

    n = total(counts)
    mean = divide(total([c * float(m) for c, m in zip(counts, means, strict=True)]), n)
    apart = [float(m) - mean for m in means]
    m2 = total([*map(float, m2s), *(c * (d * d) for c, d in zip(counts, apart, strict=True))])
    variance = float(divide(m2, n))
    return math.sqrt(variance) if variance >= 0 else math.nan


def _std_arrays(counts: Sequence[Part], means: Sequence[Part], m2s: Sequence[Part]) -> np.ndarray:
    shape = same_shape(means)[0].shape
    weights = [np.broadcast_to(np.asarray(c, np.float64), shape) for c in counts]
    with np.errstate(all="ignore"):
        n = np.asarray(add(weights))
        mean = np.asarray(add([w * m for w, m in zip(weights, means, strict=True)])) / n
        apart = [w * (m - mean) ** 2 for w, m in zip(weights, means, strict=True)]
        return np.asarray(np.sqrt((add([*m2s, *apart])) / n))


def _concat(units: Units) -> Value:
    return np.concatenate([np.atleast_1d(part) for part in units.parts(0)])


def _concat_counted(units: Units) -> Value:
    return tuple(np.concatenate([np.atleast_1d(p) for p in units.parts(i)]) for i in (0, 1))


def _histogram(units: Units) -> Value:
    each = {
        process: Histogram(np.asarray(edges), np.asarray(counts))
        for process, edges, counts in zip(
            units.processes, units.parts(0), units.parts(1), strict=True
        )
    }
    edges = each[units.processes[0]].edges
    if all(np.array_equal(edges, h.edges) for h in each.values()):
        return Histogram(edges, np.asarray(add([h.counts for h in each.values()])))
    return PerProcess(dict(each))


def _media(units: Units) -> Value:
    each = {
        process: Media(units.op, payload if isinstance(payload, bytes) else b"")
        for process, payload in zip(units.processes, units.columns[0], strict=True)
    }
    return PerProcess(dict(each)) if len(each) > 1 else each[units.processes[0]]


def _number(units: Units) -> Value:
    parts = units.parts(0)
    first = parts[0]
    plain = units.plain or not any(isinstance(p, np.ndarray) for p in parts)
    if plain and all(p == first for p in parts):
        return first
    return divide(add(parts), len(parts))


def _floats(part: Part) -> Part:
    """`part` as numpy's isfinite takes it; an integer of any size is finite."""
    return 0 if isinstance(part, int) else part


_REDUCE: dict[str, Rule] = {"mean": _number, "sum": _sum, "min": _min, "max": _max}
_RULES: dict[Op, Rule] = {
    Op.MEAN: _mean,
    Op.SUM: _sum,
    Op.MIN: _min,
    Op.MAX: _max,
    Op.SINGLE: _single,
    Op.STD: _std,
    Op.CONCAT: _concat,
    Op.CONCAT_COUNTED: _concat_counted,
    Op.HISTOGRAM: _histogram,
    Op.COUNTER: _sum,
    Op.TEXT: _media,
    Op.IMAGE: _media,
    Op.TABLE: _media,
}

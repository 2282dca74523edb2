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

from ...proto.records import Op
from ...proto.rows import Histogram, Media, PerProcess, Value
from .exact import Part, add, divide, same_shape, total
from .units import Held


class Nothing(enum.Enum):
    """There is no sample, so there is no value."""

    NOTHING = 0


NOTHING = Nothing.NOTHING
Rule = Callable[[Sequence[Held]], Value | Nothing]


def rule_of(op: Op, reduce: str = "mean") -> Rule:
    """The rule of an op.

    Args:
        op: any op of a row's metric.
        reduce: for `Op.NUMBER`: ``mean``, ``sum``, ``min`` or ``max``.
    """
    return _REDUCE[reduce] if op is Op.NUMBER else _RULES[op]


def _mean(units: Sequence[Held]) -> Value | Nothing:
    sums = add([u.parts[0] for u in units])
    count = add([u.parts[1] for u in units])
    if not isinstance(count, np.ndarray) and not count and bool(np.all(np.isfinite(_floats(sums)))):
        return NOTHING
    return divide(sums, count)


def _sum(units: Sequence[Held]) -> Value:
    return add([u.parts[0] for u in units])


def _min(units: Sequence[Held]) -> Value:
    return _extreme([u.parts[0] for u in units], min, np.minimum)


def _max(units: Sequence[Held]) -> Value:
    return _extreme([u.parts[0] for u in units], max, np.maximum)


def _extreme(parts: Sequence[Part], pick: Callable[..., Part], ufunc: np.ufunc) -> Part:
    if any(isinstance(part, np.ndarray) for part in parts):
        return np.asarray(ufunc.reduce(same_shape(parts)))
    if any(isinstance(part, float) and math.isnan(part) for part in parts):
        return math.nan
    return pick(parts)


def _single(units: Sequence[Held]) -> Value | Nothing:
    for unit in units:
        value, count = unit.parts
        if np.all(np.asarray(count) == 1):
            return value
        if np.any(count):
            return divide(value, count)
    return NOTHING


def _std(units: Sequence[Held]) -> Value | Nothing:
    units = [u for u in units if np.any(u.parts[0])]
    if not units:
        return NOTHING
    counts, means, m2s = zip(*(u.parts for u in units), strict=True)
    if any(isinstance(part, np.ndarray) for part in (*counts, *means, *m2s)):
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


def _concat(units: Sequence[Held]) -> Value:
    return np.concatenate([np.atleast_1d(u.parts[0]) for u in units])


def _concat_counted(units: Sequence[Held]) -> Value:
    return tuple(np.concatenate([np.atleast_1d(u.parts[i]) for u in units]) for i in (0, 1))


def _histogram(units: Sequence[Held]) -> Value:
    each = {u.process: Histogram(np.asarray(u.parts[0]), np.asarray(u.parts[1])) for u in units}
    edges = each[units[0].process].edges
    if all(np.array_equal(edges, h.edges) for h in each.values()):
        return Histogram(edges, np.asarray(add([h.counts for h in each.values()])))
    return PerProcess(dict(each))


def _media(units: Sequence[Held]) -> Value:
    each = {u.process: Media(u.op, bytes(_payload(u))) for u in units}
    return PerProcess(dict(each)) if len(each) > 1 else each[units[0].process]


def _payload(unit: Held) -> bytes:
    payload = unit.state.columns[0]
    return payload if isinstance(payload, bytes) else b""


def _number(units: Sequence[Held]) -> Value:
    parts = [u.parts[0] for u in units]
    first = parts[0]
    if not any(isinstance(p, np.ndarray) for p in parts) and all(p == first for p in parts):
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

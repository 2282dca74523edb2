"""From host values to mergeable states, and back to values of this process.

Nothing here raises for a bad metric: it becomes a `Problem`, the rest is kept.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..proto.codec import safe_text, unpack_array
from ..proto.records import Column, Dtype, Op, State
from ..proto.rows import Histogram, Media, Value
from . import media, values
from .columns import (
    BadValueError,
    Group,
    array_state,
    payload_state,
    scalar,
    state,
)
from .inputs import as_text, said, said_error
from .tally import base_mode, host_key, read


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Why a metric of a call was not logged."""

    key: str
    reason: str


Replicas = Mapping[tuple[str, ...], Group]
"""Groups of processes that hold the same arrays: by (key, log mode) in a
train-step tree, by (key,) among host metrics."""


def tree_states(
    tree: Mapping[str, Any], replicas: Replicas | None = None
) -> tuple[list[State], list[Problem]]:
    """The states of a train-step tree on the host, by key and mode.

    A state that is empty (count 0, value 0) is absent.

    Args:
        tree: ``{key: {log_mode: {"value", "count"[, "value2"]}}}`` of NumPy
            arrays and numbers; an entry that is no mapping is a plain value.
        replicas: which states several processes hold.
    """
    replicas = replicas or {}
    states: dict[str, State] = {}
    problems = []
    for key in sorted(tree, key=said):
        entry = tree[key]
        modes = sorted(entry, key=said) if isinstance(entry, Mapping) else [None]
        for log_mode in modes:
            name = as_text(key)
            try:
                if log_mode is None:
                    made: State | None = _plain(name, entry, replicas.get((key,), ()))
                else:
                    name = safe_text(host_key(name, log_mode))
                    made = _of_mode(
                        name, log_mode, entry[log_mode], replicas.get((key, log_mode), ())
                    )
                if name in states:
                    raise BadValueError("two metrics are logged under this name: rename one")
                if made is not None:
                    states[name] = made
            except Exception as error:
                problems.append(Problem(name, said_error(error)))
    return list(states.values()), problems


def _of_mode(name: str, log_mode: str, leaves: Mapping[str, Any], group: Group) -> State | None:
    base = base_mode(log_mode)
    value, count = leaves["value"], leaves["count"]
    if _all_zero(count) and _all_zero(value):
        return None
    match base:
        case "single_noreduce":
            return array_state(name, Op.CONCAT, (value,), group)
        case "single_noreduce_wcount":
            return array_state(name, Op.CONCAT_COUNTED, (value, count), group)
        case "single":
            return state(name, Op.SINGLE, (value, count), group)
        case "max" | "min":
            return state(name, Op[base.upper()], (value,), group)
        case "std":
            return state(name, Op.STD, (count, value, leaves["value2"]), group)

    extra = leaves.get("value2")
    if extra is not None:
        of_value, of_count = extra.tolist() if extra.ndim == 1 else extra
        value, count = read(value, of_value), read(count, of_count)
    if base == "sum":
        return state(name, Op.SUM, (value,), group)
    if not isinstance(count, np.ndarray) and not count and np.all(np.isfinite(value)):
        raise BadValueError(f"a sum of {value} over a count of 0")
    return state(name, Op.MEAN, (value, count), group)


def _all_zero(value: Any) -> bool:
    return not (value if isinstance(value, int | float) else np.any(value))


def value_states(
    metrics: Mapping[str, Any],
    counters: dict[str, int | float],
    replicas: Replicas | None = None,
) -> tuple[list[State], list[Problem]]:
    """The states of host metrics, in their order.

    Args:
        metrics: numbers, strings, NumPy arrays and wrappers of
            `podlog.worker.values` by key.
        counters: running totals by key; increments are added to it.
        replicas: which metrics several processes hold.
    """
    replicas = replicas or {}
    states: dict[str, State] = {}
    problems = []
    for key, value in metrics.items():
        name = as_text(key)
        try:
            if not isinstance(key, str):
                raise BadValueError(f"a key of type {type(key).__name__}: keys are strings")
            if name in states:
                raise BadValueError("two metrics are logged under this name: rename one")
            states[name] = _wrapped(name, value, counters, replicas.get((key,), ()))
        except Exception as error:
            problems.append(Problem(name, said_error(error)))
    return list(states.values()), problems


def _wrapped(name: str, value: Any, counters: dict[str, int | float], group: Group) -> State:
    match value:
        case values.Mean(total, count):
            if np.any(np.asarray(count) < 0):
                raise BadValueError(f"a mean over {count} samples")
            return state(name, Op.MEAN, (total, count), group)
        case values.Sum(part):
            return state(name, Op.SUM, (part,), group)
        case values.Max(part):
            return state(name, Op.MAX, (part,), group)
        case values.Min(part):
            return state(name, Op.MIN, (part,), group)
        case values.Counter(increment):
            return _count(name, increment, counters)
        case values.Histogram():
            return array_state(name, Op.HISTOGRAM, media.bins(value), group)
        case values.Image(pixels):
            return payload_state(name, Op.IMAGE, media.png(pixels))
        case values.Table(columns, rows):
            return payload_state(name, Op.TABLE, media.table(columns, rows))
        case values.Text(text) | (str() as text):
            return payload_state(name, Op.TEXT, safe_text(text).encode())
    return _plain(name, value, group)


def _plain(name: str, value: Any, group: Group) -> State:
    if isinstance(value, np.ndarray) and value.size != 1:
        return array_state(name, Op.CONCAT, (value,), group)
    return state(name, Op.NUMBER, (value,), group)


def _count(name: str, increment: Any, counters: dict[str, int | float]) -> State:
    _, number = scalar(increment)
    if not np.isfinite(number):
        raise BadValueError(f"an increment of {number}: the total stays {counters.get(name, 0)}")
    total = counters.get(name, 0) + number
    made = state(name, Op.COUNTER, (total,))
    counters[name] = total
    return made


def within(states: Iterable[State], max_bytes: int) -> tuple[list[State], list[Problem]]:
    """`states` without those whose payloads make them larger than `max_bytes` together."""
    kept, problems = [], []
    total = 0
    for each in states:
        payloads = Dtype.BYTES in each.metric.dtypes
        size = sum(len(c) for c in each.columns if isinstance(c, bytes)) if payloads else 0
        if total + size <= max_bytes:
            total += size
            kept.append(each)
        else:
            problems.append(
                Problem(
                    each.metric.key,
                    f"{size:,} bytes beside {total:,} of the same call, more than "
                    f"delivery.max_payload_mb allows ({max_bytes:,})",
                )
            )
    return kept, problems


def local_values(states: Sequence[State]) -> dict[str, Value]:
    """This process's own values: Python scalars, strings, arrays, histograms, media.

    Args:
        states: complete states (no digests).
    """
    return {s.metric.key: _value(s.metric.op, s.columns) for s in states}


def _value(op: Op, columns: tuple[Column, ...]) -> Value:
    with np.errstate(all="ignore"):
        return _computed(op, columns)


def _computed(op: Op, columns: tuple[Column, ...]) -> Value:
    match op:
        case Op.TEXT:
            return bytes(columns[0]).decode() if isinstance(columns[0], bytes) else ""
        case Op.IMAGE | Op.TABLE | Op.PAYLOAD:
            return Media(op, columns[0]) if isinstance(columns[0], bytes) else None

    arrays = [unpack_array(c) if isinstance(c, bytes) else c for c in columns]
    match op:
        case Op.MEAN:
            total, count = arrays
            return _simple(np.true_divide(total, count))
        case Op.SINGLE:
            value, count = arrays
            return _simple(
                value if np.all(np.asarray(count) == 1) else np.true_divide(value, count)
            )
        case Op.STD:
            count, _, m2 = arrays
            return _simple(np.sqrt(np.true_divide(m2, count)))
        case Op.CONCAT_COUNTED:
            return tuple(np.asarray(a) for a in arrays)
        case Op.HISTOGRAM:
            return Histogram(np.asarray(arrays[0]), np.asarray(arrays[1]))
    return _simple(arrays[0])


def _simple(value: Any) -> Value:
    array = np.asarray(value)
    return array.item() if array.size == 1 else array

"""What single processes have to say about a merged key: their values, and the extremes."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from ...proto.records import Op
from ...proto.rows import Spread, Value
from .exact import Number
from .ops import NOTHING, Rule
from .units import Units

_NUMBERS = {int, float, bool}


def own_values(units: Units, rule: Rule) -> tuple[tuple[int, ...], Sequence[Value]]:
    """The processes that sent a value that can be had by itself, and those values."""
    at_once = _AT_ONCE.get(units.op) if units.dtypes else None
    numbers = None if at_once is None else at_once(units)
    if numbers is not None:
        return units.processes, numbers

    processes, values = [], []
    for process, unit in zip(units.processes, units.each(), strict=True):
        try:
            value = rule(unit)
        except (ValueError, TypeError, ArithmeticError):
            continue
        if value is not NOTHING:
            processes.append(process)
            values.append(value)
    return tuple(processes), values


def spread_of(processes: tuple[int, ...], values: Sequence[Value]) -> Spread | None:
    """The extremes of scalar values, one a process in their order; None: there are none."""
    numbers: Sequence[Any] = values
    holders = processes
    if not _NUMBERS.issuperset(map(type, values)):
        known = [(p, v) for p, v in zip(processes, values, strict=True) if _is_number(v)]
        holders, numbers = tuple(p for p, _ in known), [v for _, v in known]
    if not numbers:
        return None
    who = holders
    if not math.isfinite(sum(numbers)):
        ordered = [(p, v) for p, v in zip(holders, numbers, strict=True) if v == v]
        if ordered:
            who, numbers = tuple(p for p, _ in ordered), [v for _, v in ordered]
    low, high = min(numbers), max(numbers)
    return Spread(low, high, who[numbers.index(low)], who[numbers.index(high)], holders)


def spread_of_one(value: Value, processes: tuple[int, ...]) -> Spread | None:
    """The extremes of a value that all of `processes` hold."""
    if not _is_number(value):
        return None
    return Spread(value, value, processes[0], processes[0], processes)


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float)


def _as_sent(units: Units) -> Sequence[Number]:
    return units.numbers(0)


def _means(units: Units) -> Sequence[Number] | None:
    totals, counts = units.numbers(0), units.numbers(1)
    try:
        return [t / c for t, c in zip(totals, counts, strict=True)]
    except ArithmeticError:
        return None


def _singles(units: Units) -> Sequence[Number] | None:
    return units.numbers(0) if all(count == 1 for count in units.numbers(1)) else None


_AT_ONCE: dict[Op, Callable[[Units], Sequence[Number] | None]] = {
    Op.MEAN: _means,
    Op.SUM: _as_sent,
    Op.COUNTER: _as_sent,
    Op.MIN: _as_sent,
    Op.MAX: _as_sent,
    Op.NUMBER: _as_sent,
    Op.SINGLE: _singles,
}
"""The values of all processes where a rule applied to one unit is that simple; None: it is not."""

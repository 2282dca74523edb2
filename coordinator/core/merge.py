"""The merge of matching records into one row's values.

A pure function of the set of records: they are folded in order of process
index, so the bits are the same whatever the order of arrival. The rules by op
are in `ops`, exact sums in `exact`.
"""

import dataclasses
import fnmatch
import math
from collections.abc import Mapping, Sequence

from ...proto.errors import WireError
from ...proto.records import Op, Record
from ...proto.rows import NonFinite, PerProcess, Spread, Value
from .hostrows import newest
from .ops import NOTHING, Rule, rule_of
from .units import MEDIA, Held, Problem, copies, not_finite, read_state

__all__ = ["Merged", "Problem", "merge"]


@dataclasses.dataclass(frozen=True, slots=True)
class Merged:
    """The values of a row.

    Attributes:
        metrics: merged values, keys in order of first appearance (lowest
            process first); a key of which nobody has a sample is absent.
        spreads: extreme process values of keys with scalar values.
        non_finite: where NaN and Inf came from, by process, then key order.
        diverged: replicated keys on which holders disagree.
        per_process: values by process, if asked for and more than one holds
            the row; keys of which all holders share one copy are left out.
        epoch: the epoch of the lowest process.
        processes: who is in it, ascending.
        problems: states left out, and why (another op than the lowest
            process's, unreadable payload).
        replaced: processes with records of two lives, of which the later counts.
    """

    metrics: Mapping[str, Value]
    spreads: Mapping[str, Spread]
    non_finite: tuple[NonFinite, ...]
    diverged: tuple[str, ...]
    per_process: Mapping[str, Mapping[int, Value]]
    epoch: int
    processes: tuple[int, ...]
    problems: tuple[Problem, ...]
    replaced: tuple[int, ...]


def merge(
    records: Sequence[Record],
    *,
    hosts: Mapping[int, str],
    reduce: Mapping[str, str],
    keep: bool,
) -> Merged:
    """Merges the records of one row.

    Args:
        records: at least one; of one row, in any order.
        hosts: host name by process index, for attribution.
        reduce: glob over keys to ``mean``, ``sum``, ``min`` or ``max`` for plain
            host numbers; the first that matches counts.
        keep: whether to keep the values of single processes.
    """
    lives: dict[int, list[Record]] = {}
    for record in records:
        lives.setdefault(record.process, []).append(record)
    counting = [newest(lives[process]) for process in sorted(lives)]

    by_key, non_finite, problems = _read(counting, hosts)
    metrics: dict[str, Value] = {}
    spreads: dict[str, Spread] = {}
    per_process: dict[str, Mapping[int, Value]] = {}
    diverged = []
    for key, held in by_key.items():
        rule = rule_of(held[0].op, _reduction(key, reduce))
        own = _own_values(held, rule)
        units, differ = copies(held)
        if differ:
            diverged.append(key)
        try:
            value = rule(units) if units else NOTHING
        except (ValueError, TypeError, ArithmeticError) as error:
            problems.append(Problem(held[0].process, key, f"kept per process: {error}"))
            value = PerProcess(own)
        if value is not NOTHING:
            metrics[key] = value
        spread = _spread(own)
        if spread is not None:
            spreads[key] = spread
        if keep and (len(units) > 1 or differ) and held[0].op not in MEDIA:
            per_process[key] = own

    return Merged(
        metrics=metrics,
        spreads=spreads,
        non_finite=tuple(non_finite),
        diverged=tuple(diverged),
        per_process=per_process,
        epoch=counting[0].draft.epoch,
        processes=tuple(sorted(lives)),
        problems=tuple(problems),
        replaced=tuple(p for p in sorted(lives) if len({r.incarnation for r in lives[p]}) > 1),
    )


def _read(
    records: Sequence[Record], hosts: Mapping[int, str]
) -> tuple[dict[str, list[Held]], list[NonFinite], list[Problem]]:
    """The states of each key, those of another op than the first left out."""
    by_key: dict[str, list[Held]] = {}
    non_finite: list[NonFinite] = []
    problems: list[Problem] = []
    for record in records:
        process = record.process
        for state in record.states():
            key, op = state.metric.key, state.metric.op
            if op is Op.PAYLOAD:
                problems.append(Problem(process, key, "a payload is no metric: left out"))
                continue
            try:
                each = read_state(process, state)
            except WireError as error:
                problems.append(Problem(process, key, str(error)))
                continue

            for found, is_nan in zip(not_finite(each), (True, False), strict=True):
                if found:
                    host = hosts.get(process, "")
                    non_finite.append(NonFinite(process, host, key, record.draft.step, is_nan))
            held = by_key.setdefault(key, [])
            if not held or held[0].op is op:
                held.append(each)
            else:
                reason = (
                    f"logged as {op.name}, but by process {held[0].process} as {held[0].op.name}"
                )
                problems.append(Problem(process, key, reason + ": left out"))
    return by_key, non_finite, problems


def _reduction(key: str, reduce: Mapping[str, str]) -> str:
    return next((how for glob, how in reduce.items() if fnmatch.fnmatchcase(key, glob)), "mean")


def _own_values(held: Sequence[Held], rule: Rule) -> dict[int, Value]:
    """Each process's own value, where it sent one that can be had."""
    own: dict[int, Value] = {}
    for each in held:
        if each.state.metric.digest:
            continue
        try:
            value = rule([each])
        except (ValueError, TypeError, ArithmeticError):
            continue
        if value is not NOTHING:
            own[each.process] = value
    return own


def _spread(own: Mapping[int, Value]) -> Spread | None:
    """The extremes of scalar values; None if there are none."""
    scalars = [(v, p) for p, v in own.items() if isinstance(v, int | float)]
    if not scalars:
        return None
    ordered = [(v, p) for v, p in scalars if not math.isnan(v)] or scalars
    low = min(ordered, key=lambda each: each[0])
    high = max(ordered, key=lambda each: each[0])
    return Spread(low[0], high[0], low[1], high[1], tuple(p for _, p in scalars))

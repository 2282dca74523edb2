"""The merge of matching records into one row's values.

A pure function of the set of records: they are folded in order of process
index, so the bits are the same whatever the order of arrival. The rules by op
are in `ops`, exact sums in `exact`; `gather` finds the states of each key, and
`spread` the extremes of single processes.
"""

import dataclasses
import fnmatch
from collections.abc import Mapping, Sequence

from ...proto.records import Op, Record
from ...proto.rows import NonFinite, PerProcess, Spread, Value
from .gather import gather
from .hostrows import newest
from .ops import NOTHING, Nothing, Rule, rule_of
from .spread import own_values, spread_of, spread_of_one
from .units import MEDIA, Problem, Units

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

    found = gather(counting)
    metrics: dict[str, Value] = {}
    spreads: dict[str, Spread] = {}
    per_process: dict[str, Mapping[int, Value]] = {}
    for key, states in found.keys.items():
        op, units = states.units.op, states.units.processes
        rule = rule_of(op, _reduction(key, reduce) if op is Op.NUMBER else "")
        value, failure = _fold(states.units, rule)
        if states.alike and not failure:
            spread = None if value is NOTHING else spread_of_one(value, states.sent.processes)
        else:
            own = own_values(states.sent, rule)
            spread = spread_of(*own)
        if failure:
            found.problems.append(Problem(units[0], key, failure))
            value = PerProcess(dict(zip(*own, strict=True)))
        if value is not NOTHING:
            metrics[key] = value
        if spread is not None:
            spreads[key] = spread
        if keep and (len(units) > 1 or states.diverged) and op not in MEDIA:
            per_process[key] = dict(zip(*own, strict=True))

    return Merged(
        metrics=metrics,
        spreads=spreads,
        non_finite=tuple(
            NonFinite(p, hosts.get(p, ""), key, step, nan) for p, key, step, nan in found.not_finite
        ),
        diverged=tuple(key for key, states in found.keys.items() if states.diverged),
        per_process=per_process,
        epoch=counting[0].draft.epoch,
        processes=tuple(sorted(lives)),
        problems=tuple(found.problems),
        replaced=tuple(p for p in sorted(lives) if len({r.incarnation for r in lives[p]}) > 1),
    )


def _fold(units: Units, rule: Rule) -> tuple[Value | Nothing, str]:
    """The merged value of a key, and why there is none where values do not fit."""
    try:
        return (rule(units) if units.processes else NOTHING), ""
    except (ValueError, TypeError, ArithmeticError) as error:
        return NOTHING, f"kept per process: {error}"


def _reduction(key: str, reduce: Mapping[str, str]) -> str:
    return next((how for glob, how in reduce.items() if fnmatch.fnmatchcase(key, glob)), "mean")

"""The states of matching records, gathered by key.

Processes mostly send records of one schema, so that a key's states are columns
of one table and nothing needs to be made for single states. Where schemas
differ, or a metric holds payloads, states are read one by one.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

from ...proto.errors import WireError
from ...proto.records import Column, Dtype, Metric, Op, Record, Schema, State
from .units import Held, Problem, Units, copies, not_finite, read_state, same_column, side_by_side


@dataclasses.dataclass(slots=True, eq=False)
class Gathered:
    """All states of one key.

    Attributes:
        sent: one for each process that sent its value.
        units: the distinct copies among them.
        alike: all that was sent is copies of one value.
        diverged: holders of a replicated value disagree.
    """

    sent: Units
    units: Units
    alike: bool
    diverged: bool


@dataclasses.dataclass(slots=True)
class Gathering:
    """What there is to merge.

    Attributes:
        keys: states by key, in order of first appearance (lowest process first).
        not_finite: process, key, step, and whether it is a NaN (else an
            infinity); by process, then key order.
        problems: states left out, and why; in the same order.
    """

    keys: dict[str, Gathered] = dataclasses.field(default_factory=dict)
    not_finite: list[tuple[int, str, int, bool]] = dataclasses.field(default_factory=list)
    problems: list[Problem] = dataclasses.field(default_factory=list)

    def look(self, held: Held, step: int) -> None:
        """Notes what is not finite in a state."""
        for found, is_nan in zip(not_finite(held), (True, False), strict=True):
            if found:
                self.not_finite.append((held.process, held.state.metric.key, step, is_nan))


def gather(records: Sequence[Record]) -> Gathering:
    """Gathers the states of at least one record.

    Args:
        records: one a process, in order of process.
    """
    found = Gathering()
    schema = records[0].draft.schema
    if _places(schema) and all(r.draft.schema == schema for r in records):
        _by_column(schema, records, found)
    else:
        _one_by_one(records, found)
    return found


# --------------------------------------------------------------- one schema


@functools.lru_cache(maxsize=1024)
def _places(schema: Schema) -> Sequence[tuple[Metric, slice, bool]]:
    """For each metric its columns, and whether they are numbers; empty if a key comes twice."""
    if len({metric.key for metric in schema.metrics}) < len(schema.metrics):
        return ()
    places, at = [], 0
    for metric in schema.metrics:
        end = at + len(metric.dtypes)
        numbers = metric.op is not Op.PAYLOAD and Dtype.BYTES not in metric.dtypes
        places.append((metric, slice(at, end), numbers and not metric.digest))
        at = end
    return tuple(places)


def _by_column(schema: Schema, records: Sequence[Record], found: Gathering) -> None:
    processes = tuple(record.process for record in records)
    table: list[Any] = list(zip(*(record.draft.values for record in records), strict=True))
    step = records[0].draft.step
    for metric, place, numbers in _places(schema):
        columns = table[place]
        if not numbers:
            held = _read(metric, processes, columns, step, found)
            if held:
                found.keys[metric.key] = _gathered(held)
            continue

        if not math.isfinite(sum(map(sum, columns))):
            for process, *parts in zip(processes, *columns, strict=True):
                found.look(Held(process, State(metric, ()), tuple(parts)), step)
        sent = units = Units(metric.op, processes, columns, metric.dtypes)
        alike = len(processes) == 1 or (bool(metric.replicas) and all(map(_alike, columns)))
        if metric.replicas:
            units = sent.first()
        found.keys[metric.key] = Gathered(sent, units, alike, units is not sent and not alike)
    found.not_finite.sort(key=lambda each: each[0])
    found.problems.sort(key=lambda problem: problem.process)


def _read(
    metric: Metric,
    processes: Sequence[int],
    columns: Sequence[Sequence[Column]],
    step: int,
    found: Gathering,
) -> list[Held]:
    held = []
    for process, *values in zip(processes, *columns, strict=True):
        each = _state(process, State(metric, tuple(values)), step, found)
        if each is not None:
            held.append(each)
    return held


def _alike(column: Sequence[int | float]) -> bool:
    """Whether all have the same bits, or are NaN."""
    first = column[0]
    if first and column.count(first) == len(column):
        return True
    return all(same_column(first, other) for other in column)


# ------------------------------------------------------------------ in general


def _one_by_one(records: Sequence[Record], found: Gathering) -> None:
    """The states of each key, those of another op than the first left out."""
    by_key: dict[str, list[Held]] = {}
    for record in records:
        for state in record.states():
            each = _state(record.process, state, record.draft.step, found)
            if each is None:
                continue
            held = by_key.setdefault(state.metric.key, [])
            if not held or held[0].op is each.op:
                held.append(each)
                continue
            reason = (
                f"logged as {each.op.name}, but by process {held[0].process} as "
                f"{held[0].op.name}: left out"
            )
            found.problems.append(Problem(record.process, state.metric.key, reason))
    found.keys = {key: _gathered(held) for key, held in by_key.items()}


def _state(process: int, state: State, step: int, found: Gathering) -> Held | None:
    """A state that can be merged; else the problem is noted."""
    key = state.metric.key
    if state.metric.op is Op.PAYLOAD:
        found.problems.append(Problem(process, key, "a payload is no metric: left out"))
        return None
    try:
        each = read_state(process, state)
    except WireError as error:
        found.problems.append(Problem(process, key, str(error)))
        return None
    found.look(each, step)
    return each


def _gathered(held: Sequence[Held]) -> Gathered:
    op = held[0].op
    distinct, diverged = copies(held)
    sent = side_by_side(op, [each for each in held if not each.state.metric.digest])
    return Gathered(sent, side_by_side(op, distinct), False, diverged)

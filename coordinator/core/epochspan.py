"""How long an epoch took over all processes, by their clocks put right; pure."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable

from ...proto.records import Dtype, Op, Record, Schema
from .hostrows import newest

_KEY = "epoch_time"


@dataclasses.dataclass(frozen=True, slots=True)
class EpochSpan:
    """The times of one epoch, in seconds.

    Attributes:
        process: the lowest process in it.
        seconds: how long it took there, by that process's monotonic clock.
        span: from the first start to the last end.
        starts: from the first start to the last.
        ends: from the first end to the last.
        first: who started first; of equals the lowest.
        last: who ended last; of equals the lowest.
        unknown: whose clock nothing is known of, ascending: it counts as right.
    """

    process: int
    seconds: float
    span: float
    starts: float
    ends: float
    first: int
    last: int
    unknown: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Own:
    """What one process says, by the coordinator's clock."""

    process: int
    seconds: float
    start: float
    end: float


def epoch_span(
    records: Iterable[Record], offset: Callable[[int], float | None]
) -> EpochSpan | None:
    """The times of the epoch that these records ended.

    A record tells the wall clock at its epoch's end and how long that took by the
    monotonic clock: the start is known however the wall clock was set meanwhile.

    Args:
        records: of one row, in any order; of several lives of a process the
            latest counts.
        offset: what has to be added to the wall clock of an incarnation; None:
            not known.

    Returns:
        None of fewer than two processes: there is nothing to compare.
    """
    lives: dict[int, list[Record]] = {}
    for record in records:
        lives.setdefault(record.process, []).append(record)
    owns, unknown = [], []
    for process in sorted(lives):
        record = newest(lives[process])
        seconds = _seconds(record)
        if seconds is None:
            continue
        found = offset(record.incarnation)
        if found is None:
            unknown.append(process)
        end = record.draft.time + (found or 0.0)
        owns.append(_Own(process, seconds, end - seconds, end))
    return _span(owns, tuple(unknown)) if len(owns) > 1 else None


def _span(owns: list[_Own], unknown: tuple[int, ...]) -> EpochSpan:
    first = min(owns, key=lambda own: own.start)
    last = max(owns, key=lambda own: own.end)
    return EpochSpan(
        process=owns[0].process,
        seconds=owns[0].seconds,
        span=last.end - first.start,
        starts=max(own.start for own in owns) - first.start,
        ends=last.end - min(own.end for own in owns),
        first=first.process,
        last=last.process,
        unknown=unknown,
    )


def _seconds(record: Record) -> float | None:
    """How long its process says that the epoch took; None: it does not, or that cannot be."""
    at = _place(record.draft.schema)
    if at is None:
        return None
    seconds = record.draft.values[at]
    if not isinstance(seconds, float) or not math.isfinite(seconds) or seconds < 0:
        return None
    return seconds


@functools.lru_cache(maxsize=256)
def _place(schema: Schema) -> int | None:
    """The column that holds the seconds, where the Logger itself put them."""
    at = 0
    for metric in schema.metrics:
        if metric.key == _KEY and metric.op is Op.SINGLE and metric.dtypes[0] is Dtype.F8:
            return at
        at += len(metric.dtypes)
    return None

"""From states to drafts: order, call numbers, occurrences, digests."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping

import crc32c

from ..proto.codec import interned, safe_text
from ..proto.records import Draft, Dtype, Kind, Metric, Op, Schema, State

_SCHEMAS = 256

_EPOCH = Metric("epoch", Op.SINGLE, (Dtype.I8, Dtype.I8))
_EPOCH_TIME = Metric("epoch_time", Op.SINGLE, (Dtype.F8, Dtype.I8))
_STEP_TIME = Metric("step_time", Op.MAX, (Dtype.F8,))


def build(
    kind: Kind,
    mode: str,
    step: int,
    n: int,
    epoch: int,
    time: float,
    states: Iterable[State],
    *,
    process: int = 0,
    seen: Mapping[str, int] | None = None,
) -> Draft:
    """The draft of one record.

    Of two states with one key the later counts, at the place of the first.
    Of a replicated state, payloads are sent by its lowest holder only; the
    others send their checksums.

    Args:
        kind: STEP, HOST or EPOCH.
        mode: any text.
        step: global step.
        n: which call of this process at (mode, step) it was, from 0.
        epoch: the epoch at the call.
        time: wall clock at the call, seconds since the epoch.
        states: in the order in which people shall see them.
        process: this process's index.
        seen: how often each key was logged at (mode, step) before.
    """
    by_key = {state.metric.key: state for state in states}
    sent = [_digested(state, process) for state in by_key.values()]
    schema = _schema(kind, safe_text(mode), tuple(state.metric for state in sent))
    values = tuple(column for state in sent for column in state.columns)
    occurrences = tuple(seen[key] for key in by_key) if seen and any(seen.values()) else ()
    return Draft(schema, step, n, epoch, time, values, occurrences)


_last: dict[tuple[Kind, str, int], Schema] = {}


def _schema(kind: Kind, mode: str, metrics: tuple[Metric, ...]) -> Schema:
    """One object for equal schemas; found at once if the last of its size was the same."""
    where = (kind, mode, len(metrics))
    schema = _last.get(where)
    if schema is None or schema.metrics != metrics:
        if len(_last) >= _SCHEMAS:
            _last.clear()
        schema = _last[where] = interned(Schema(kind, mode, metrics))
    return schema


def _digested(state: State, process: int) -> State:
    metric = state.metric
    if not metric.replicas or process == metric.replicas[0] or Dtype.BYTES not in metric.dtypes:
        return state

    dtypes = tuple(Dtype.I8 if d is Dtype.BYTES else d for d in metric.dtypes)
    columns = tuple(crc32c.crc32c(c) if isinstance(c, bytes) else c for c in state.columns)
    return State(dataclasses.replace(metric, dtypes=dtypes, digest=True), columns)


def step_states(epoch: int, step_time: float | None) -> list[State]:
    """What a step record holds beside its metrics."""
    states = [State(_EPOCH, (epoch, 1))]
    if step_time is not None:
        states.append(State(_STEP_TIME, (float(step_time),)))
    return states


def epoch_states(seconds: float) -> list[State]:
    """What an epoch record holds beside its metrics."""
    return [State(_EPOCH_TIME, (float(seconds), 1))]


class Occurrences:
    """Counts calls and keys at each (mode, step), the latest `capacity` of them.

    Not thread-safe.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._counts: collections.OrderedDict[tuple[str, int], collections.Counter[object]] = (
            collections.OrderedDict()
        )

    def call(self, kind: Kind, mode: str, step: int) -> int:
        """How many calls of `kind` there were at (mode, step) before this one."""
        return self._next(mode, step, kind)

    def keys(self, mode: str, step: int, keys: Iterable[str]) -> dict[str, int]:
        """How often each of `keys` was logged there before this call.

        Give also the keys that this record leaves out, so that later
        occurrences still meet those of other processes.
        """
        return {key: self._next(mode, step, key) for key in dict.fromkeys(keys)}

    def _next(self, mode: str, step: int, what: Kind | str) -> int:
        counts = self._counts.setdefault((mode, step), collections.Counter())
        self._counts.move_to_end((mode, step))
        if len(self._counts) > self._capacity:
            self._counts.popitem(last=False)
        counts[what] += 1
        return counts[what] - 1

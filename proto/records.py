"""What both sides of the wire speak: records, their states, rows.

Everything here is frozen and free of protobuf; `codec` translates at the
border. A *state* is the mergeable form of one metric in one record: the
metric's definition and a tuple of columns.
"""

import dataclasses
import enum
from collections.abc import Iterator, Mapping

import numpy as np

Column = float | int | bool | bytes
"""One column of a state: F8 is float, I8 int, BOOL bool, BYTES bytes."""


class Kind(enum.IntEnum):
    """What made a record; numbers as in the .proto."""

    STEP = 1
    HOST = 2
    EPOCH = 3
    LOG = 4
    EVENT = 5
    CONFIG = 6
    GAP = 7

    @property
    def label(self) -> str:
        """The lower-case name people see, e.g. ``"step"``."""
        return self.name.lower()


ROW_KINDS = frozenset({Kind.STEP, Kind.HOST, Kind.EPOCH})
"""Kinds whose records merge into rows."""


class Op(enum.IntEnum):
    """How the states of a metric merge; numbers and rules as in the .proto."""

    MEAN = 1
    SUM = 2
    MIN = 3
    MAX = 4
    SINGLE = 5
    STD = 6
    CONCAT = 7
    CONCAT_COUNTED = 8
    HISTOGRAM = 9
    NUMBER = 10
    COUNTER = 11
    TEXT = 12
    IMAGE = 13
    TABLE = 14
    PAYLOAD = 15


OP_COLUMNS: Mapping[Op, int] = {
    Op.MEAN: 2,
    Op.SUM: 1,
    Op.MIN: 1,
    Op.MAX: 1,
    Op.SINGLE: 2,
    Op.STD: 3,
    Op.CONCAT: 1,
    Op.CONCAT_COUNTED: 2,
    Op.HISTOGRAM: 2,
    Op.NUMBER: 1,
    Op.COUNTER: 1,
    Op.TEXT: 1,
    Op.IMAGE: 1,
    Op.TABLE: 1,
    Op.PAYLOAD: 1,
}
"""Number of columns of a state, by op."""


class Dtype(enum.IntEnum):
    """The type of a column; numbers as in the .proto."""

    F8 = 0
    I8 = 1
    BOOL = 2
    BYTES = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """The definition of one metric of a record; see `Metric` in the .proto."""

    key: str
    op: Op
    dtypes: tuple[Dtype, ...]
    replicas: tuple[int, ...] = ()
    digest: bool = False
    occurrence: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Schema:
    """Kind, mode and metrics of a record, without their values."""

    kind: Kind
    mode: str
    metrics: tuple[Metric, ...] = ()

    def columns(self) -> tuple[Dtype, ...]:
        """The types of all columns of a record, metric by metric."""
        return tuple(dtype for metric in self.metrics for dtype in metric.dtypes)


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """One metric of one record in mergeable form."""

    metric: Metric
    columns: tuple[Column, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """A record before the spool gave it a sequence number.

    Attributes:
        schema: kind, mode and metrics.
        step: global step.
        n: which call of this process at (mode, step) made it, from 0.
        epoch: the epoch at the call.
        time: wall clock of the worker at the call, seconds since the epoch.
        values: all columns, in the order of `Schema.columns`.
    """

    schema: Schema
    step: int
    n: int
    epoch: int
    time: float
    values: tuple[Column, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """What one ``log_*`` call made on one process."""

    process: int
    incarnation: int
    restores: int
    seq: int
    draft: Draft

    @property
    def kind(self) -> Kind:
        """The kind of the record."""
        return self.draft.schema.kind

    @property
    def mode(self) -> str:
        """The mode of the record."""
        return self.draft.schema.mode

    def states(self) -> Iterator[State]:
        """The record's states, in the order of its schema."""
        at = 0
        values = self.draft.values
        for metric in self.draft.schema.metrics:
            width = len(metric.dtypes)
            yield State(metric, values[at : at + width])
            at += width


# ------------------------------------------------------------------- rows


@dataclasses.dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges: ``len(edges) == len(counts) + 1``, both 1-d."""

    edges: np.ndarray
    counts: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class Media:
    """An encoded text, image or table (`op` says which)."""

    op: Op
    payload: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class PerProcess:
    """Values kept side by side, by process index."""

    values: "Mapping[int, Value]"


Value = (
    float
    | int
    | bool
    | str
    | None
    | np.ndarray
    | Histogram
    | Media
    | PerProcess
    | tuple["Value", ...]
)
"""A merged metric."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class RowKey:
    """The identity of a row in the journal."""

    attempt: int
    mode: str
    step: int
    kind: Kind
    n: int


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    """Smallest and largest process value of a key, and who holds it.

    Attributes:
        min, max: the extreme process values (NaN never is one unless all are).
        min_process, max_process: lowest process index that has it.
        processes: the process indices that hold the key.
    """

    min: float | int
    max: float | int
    min_process: int
    max_process: int
    processes: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class NonFinite:
    """Where a NaN (or, if not `nan`, an infinity) of a row came from."""

    process: int
    host: str
    key: str
    step: int
    nan: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """Matching records of all processes, merged.

    Attributes:
        key: the identity.
        revision: 0 when it was first given out; more for late records.
        epoch: the epoch of the lowest process.
        time: wall clock of the coordinator when it closed.
        metrics: merged values, keys in order of first appearance.
        shown: what tools are shown in place of `metrics` after
            ``metric_postprocess_fn``; None without one.
        processes: who is in it.
        missing: live or lost processes that should be and are not.
        absent: processes that do not take part in this (mode, kind) now.
        spreads: for keys with numbers, the extreme process values.
        non_finite: where NaN and Inf came from.
        flags: ``"late"``, ``"unprocessed"``, ``"diverged:KEY"``.
        per_process: full values by process, where they are kept.
        id: order in which rows were given out (a cursor); 0 before that.
    """

    key: RowKey
    revision: int
    epoch: int
    time: float
    metrics: Mapping[str, Value]
    shown: Mapping[str, Value] | None = None
    processes: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    spreads: Mapping[str, Spread] = dataclasses.field(default_factory=dict)
    non_finite: tuple[NonFinite, ...] = ()
    flags: tuple[str, ...] = ()
    per_process: Mapping[str, Mapping[int, Value]] = dataclasses.field(default_factory=dict)
    id: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling that is not a metric.

    Attributes:
        name: a stable word, e.g. ``"nan"``, ``"metric_error"``, ``"restore"``.
        text: one line a person can read.
        fields: further values as text.
    """

    name: str
    text: str
    mode: str = ""
    key: str = ""
    host: str = ""
    fields: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class EventItem:
    """An event as the journal holds it; `id` shares its numbering with rows."""

    id: int
    attempt: int
    process: int
    step: int
    time: float
    event: Event


@dataclasses.dataclass(frozen=True, slots=True)
class RunConfig:
    """What ``log_config`` was given: JSON text, and the raw objects pickled (or b"")."""

    json: str
    pickled: bytes = b""


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigItem:
    """A config as the journal holds it; `id` shares its numbering with rows."""

    id: int
    config: RunConfig


FeedItem = Row | EventItem | ConfigItem
"""What a feed hands to a tool, in order of `id`."""


@dataclasses.dataclass(frozen=True, slots=True)
class LogLine:
    """One record of Python's logging."""

    level: int
    logger: str
    message: str
    host: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """Records first..last of an incarnation, declared lost."""

    first: int
    last: int
    cause: str


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """How a chapter of the run ended.

    Attributes:
        status: success, failure, nan, preempted, interrupted, lost,
            unfinished, or the text given to ``finalize``.
        final: everybody is done; two final verdicts of a chapter never differ.
        waiting_for: process indices not done yet, if not final.
        root_cause: one line naming the first process and what it met.
        chapter: number of the chapter, from 1.
    """

    status: str
    final: bool
    waiting_for: tuple[int, ...] = ()
    root_cause: str = ""
    chapter: int = 1

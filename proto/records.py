"""What both sides of the wire speak: records, their states, and bodies of records.

Everything here is frozen and free of protobuf; `codec` translates at the
border. A *state* is the mergeable form of one metric in one record: the
metric's definition and a tuple of columns.
"""

import dataclasses
import enum
from collections.abc import Iterator, Mapping

Column = float | int | bool | bytes
"""One column of a state: F8 is float, I8 int, BOOL bool, BYTES bytes."""


class _Number(enum.IntEnum):
    """Hashes as the number that it is: an enum's own hash is Python code, and these are keys."""

    __hash__ = int.__hash__


class Kind(_Number):
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


class Op(_Number):
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


class Dtype(_Number):
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


class _HashedOnce:
    """Room for a hash beside the fields, so that it is neither compared nor copied."""

    __slots__ = ("_hash",)
    _hash: int


@dataclasses.dataclass(frozen=True, slots=True)
class Schema(_HashedOnce):
    """Kind, mode and metrics of a record, without their values."""

    kind: Kind
    mode: str
    metrics: tuple[Metric, ...] = ()

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            object.__setattr__(self, "_hash", hash((self.kind, self.mode, self.metrics)))
            return self._hash

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
        occurrences: how often this process logged each key at (mode, step)
            before, one a metric; () if never.
    """

    schema: Schema
    step: int
    n: int
    epoch: int
    time: float
    values: tuple[Column, ...]
    occurrences: tuple[int, ...] = ()


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
class RunConfig:
    """What ``log_config`` was given: JSON text, and the raw objects pickled (or b"")."""

    json: str
    pickled: bytes = b""


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


STOP_COUNTS_AS = {"nan": "nan", "inf": "nan", "preempted": "preempted"}
"""The status of a training that a stop of that kind ended, where it says success."""


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
        undelivered: records of this process that were not committed to the
            journal when ``finalize`` returned; they are kept in its spool.
    """

    status: str
    final: bool
    waiting_for: tuple[int, ...] = ()
    root_cause: str = ""
    chapter: int = 1
    undelivered: int = 0

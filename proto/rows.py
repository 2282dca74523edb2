"""Merged rows and what else a feed hands to tools; frozen and free of protobuf."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from .records import Event, Kind, Op, RunConfig


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
class EventItem:
    """An event as the journal holds it; `id` shares its numbering with rows."""

    id: int
    attempt: int
    process: int
    step: int
    time: float
    event: Event


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigItem:
    """A config as the journal holds it; `id` shares its numbering with rows."""

    id: int
    config: RunConfig


FeedItem = Row | EventItem | ConfigItem
"""What a feed hands to a tool, in order of `id`."""

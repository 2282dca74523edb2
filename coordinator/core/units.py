"""States read for a merge: one *unit* for each distinct copy of a metric."""

import dataclasses
import math
from collections.abc import Sequence

import crc32c
import numpy as np

from ...proto.codec import unpack_array
from ...proto.errors import WireError
from ...proto.records import Column, Dtype, Op, State
from .exact import Number, Part

MEDIA = frozenset({Op.TEXT, Op.IMAGE, Op.TABLE})
"""Ops whose payload is opaque."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Why a state is not part of a merged value."""

    process: int
    key: str
    reason: str


@dataclasses.dataclass(slots=True, eq=False)
class Units:
    """States of one metric, side by side.

    Attributes:
        op: how they merge.
        processes: who sent them, ascending.
        columns: each column of all of them: numbers, arrays, or payloads of media.
        dtypes: what the columns are known to be, if all are numbers; else empty.
    """

    op: Op
    processes: tuple[int, ...]
    columns: Sequence[Sequence[Part | bytes]]
    dtypes: tuple[Dtype, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether all columns are known to be numbers."""
        return bool(self.dtypes)

    def parts(self, column: int) -> Sequence[Part]:
        """A column of numbers or arrays."""
        return self.columns[column]  # type: ignore[return-value]

    def numbers(self, column: int) -> Sequence[Number]:
        """A column of plain units."""
        return self.columns[column]  # type: ignore[return-value]

    def first(self) -> "Units":
        """The first of at least one."""
        return Units(self.op, self.processes[:1], [c[:1] for c in self.columns], self.dtypes)

    def each(self) -> "list[Units]":
        """Each by itself."""
        return [
            Units(self.op, (process,), [(part,) for part in parts], self.dtypes)
            for process, *parts in zip(self.processes, *self.columns, strict=True)
        ]


@dataclasses.dataclass(slots=True, eq=False)
class Held:
    """A state and who sent it.

    Attributes:
        process: index of the process.
        state: as it came.
        parts: its columns, arrays unpacked; of digests none.
    """

    process: int
    state: State
    parts: tuple[Part | bytes, ...]

    @property
    def op(self) -> Op:
        """How it merges."""
        return self.state.metric.op


def read_state(process: int, state: State) -> Held:
    """A state with its arrays unpacked.

    Raises:
        WireError: a payload that is no array of numbers.
    """
    if state.metric.digest:
        return Held(process, state, ())
    if state.metric.op in MEDIA:
        return Held(process, state, state.columns)
    parts = tuple(unpack_array(c) if isinstance(c, bytes) else c for c in state.columns)
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype.kind not in "biuf":
            raise WireError(f"an array of {part.dtype} is no metric")
    return Held(process, state, parts)


def side_by_side(op: Op, held: Sequence[Held]) -> Units:
    """States of one metric, none of them a digest."""
    columns = list(zip(*(each.parts for each in held), strict=True))
    return Units(op, tuple(each.process for each in held), columns)


def copies(held: Sequence[Held]) -> tuple[list[Held], bool]:
    """The distinct copies among states of one key, and whether holders disagree.

    Of each group of replicas the lowest process that sent the value stands for
    all; a group of which only checksums came has no copy here. `held` is in order
    of process, and so are the copies.
    """
    units: dict[object, Held] = {}
    diverged = False
    digests: list[Held] = []
    for each in held:
        metric = each.state.metric
        if not metric.replicas:
            units[each.process] = each
        elif metric.digest:
            digests.append(each)
        elif metric.replicas not in units:
            units[metric.replicas] = each
        else:
            diverged |= not _same(units[metric.replicas], each)
    for each in digests:
        copy = units.get(each.state.metric.replicas)
        diverged |= copy is not None and not _same(copy, each)
    return list(units.values()), diverged


def not_finite(held: Held) -> tuple[bool, bool]:
    """Whether a state holds a NaN, and whether it holds an infinity."""
    nan = inf = False
    for i, part in enumerate(held.parts):
        if isinstance(part, np.ndarray):
            if part.dtype.kind == "f":
                nan |= bool(np.isnan(part).any())
                outer_edges = held.op is Op.HISTOGRAM and i == 0
                inf |= not outer_edges and bool(np.isinf(part).any())
        elif isinstance(part, float):
            nan |= math.isnan(part)
            inf |= math.isinf(part)
    return nan, inf


def _same(copy: Held, other: Held) -> bool:
    mine, its = copy.state.columns, other.state.columns
    return all(same_column(a, b) for a, b in zip(mine, its, strict=True))


def same_column(a: Column, b: Column) -> bool:
    """Whether two columns have the same bits, or are NaN; of a payload the checksum will do."""
    if isinstance(a, bytes):
        return a == b if isinstance(b, bytes) else crc32c.crc32c(a) == b
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (
            a == b and math.copysign(1, a) == math.copysign(1, b)
        )
    return type(a) is type(b) and a == b

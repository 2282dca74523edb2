"""Records made by hand, for tests of the pure core."""

from collections.abc import Mapping

import numpy as np

from podlog.proto.codec import pack_array
from podlog.proto.records import Column, Draft, Dtype, Kind, Metric, Op, Record, Schema

Columns = tuple[object, ...]


def record(
    process: int,
    step: int,
    metrics: Mapping[str, object] | None = None,
    *,
    kind: Kind = Kind.STEP,
    mode: str = "train",
    n: int = 0,
    seq: int = 1,
    incarnation: int | None = None,
    restores: int = 0,
    epoch: int = 0,
    time: float = 0.0,
    occurrence: int = 0,
) -> Record:
    """A record of one process.

    `metrics` maps a key to a number (a plain host number), or to (op, columns)
    or (op, columns, replicas).
    """
    made = []
    values: list[Column] = []
    for key, what in (metrics or {"loss": 1.0}).items():
        op, columns, *replicas = what if isinstance(what, tuple) else (Op.NUMBER, (what,))
        cells = [_column(value) for value in columns]
        dtypes = tuple(dtype for dtype, _ in cells)
        made.append(Metric(key, op, dtypes, *replicas, occurrence=occurrence))
        values += [value for _, value in cells]
    draft = Draft(Schema(kind, mode, tuple(made)), step, n, epoch, time, tuple(values))
    life = 1000 + process if incarnation is None else incarnation
    return Record(process, life, restores, seq, draft)


def _column(value: object) -> tuple[Dtype, Column]:
    match value:
        case bool():
            return Dtype.BOOL, value
        case int():
            return Dtype.I8, value
        case float():
            return Dtype.F8, value
        case bytes():
            return Dtype.BYTES, value
    return Dtype.BYTES, pack_array(np.asarray(value))

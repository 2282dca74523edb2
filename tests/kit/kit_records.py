"""Records made by hand, for tests of the pure core."""

import dataclasses
import struct
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
        made.append(Metric(key, op, dtypes, *replicas))
        values += [value for _, value in cells]
    seen = (occurrence,) * len(made) if occurrence else ()
    draft = Draft(Schema(kind, mode, tuple(made)), step, n, epoch, time, tuple(values), seen)
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


def bits(value: object) -> object:
    """A value in a form whose equality is that of bits and order."""
    match value:
        case float():
            return struct.pack("<d", value)
        case np.ndarray():
            return (value.dtype.str, value.shape, value.tobytes())
        case dict():
            return [(key, bits(each)) for key, each in value.items()]
        case tuple() | list():
            return [bits(each) for each in value]
    if dataclasses.is_dataclass(value):
        return [bits(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return value

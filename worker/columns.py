"""From host values to the columns of states."""

import functools
import numbers
from typing import Any

import numpy as np

from ..proto.codec import pack_array
from ..proto.records import Column, Dtype, Metric, Op, State

Group = tuple[int, ...]
"""Process indices that hold the same array; () if it is this process's own."""

_INT64 = range(-(1 << 63), 1 << 63)


class BadValueError(Exception):
    """A value that cannot be logged; the message says why and what to do."""


def state(key: str, op: Op, values: tuple[Any, ...], group: Group = ()) -> State:
    """A state whose columns are scalars where a value has size one, else arrays.

    Raises:
        BadValueError: a value that is no number.
    """
    dtypes, columns = zip(*map(column, values), strict=True)
    return State(_metric(key, op, dtypes, group), columns)


@functools.lru_cache(maxsize=8192)
def _metric(key: str, op: Op, dtypes: tuple[Dtype, ...], group: Group) -> Metric:
    """One object for equal metrics: comparing the schemas of a run's steps is cheap."""
    return Metric(key, op, dtypes, group)


def array_state(key: str, op: Op, values: tuple[Any, ...], group: Group = ()) -> State:
    """A state all of whose columns are arrays of at least one axis.

    Raises:
        BadValueError: a value that is no array of numbers.
    """
    columns = tuple(pack_array(np.atleast_1d(plain(value))) for value in values)
    return State(_metric(key, op, (Dtype.BYTES,) * len(columns), group), columns)


def payload_state(key: str, op: Op, payload: bytes) -> State:
    """A state of one opaque payload."""
    return State(_metric(key, op, (Dtype.BYTES,), ()), (payload,))


def column(value: Any) -> tuple[Dtype, Column]:
    """One value as a column.

    Raises:
        BadValueError: not a number or an array of numbers, or outside int64.
    """
    if type(value) is float:
        return Dtype.F8, value
    if type(value) is int and value in _INT64:
        return Dtype.I8, value
    if isinstance(value, np.ndarray | np.generic):
        value = plain(value)
        if value.size != 1:
            return Dtype.BYTES, pack_array(value)
        value = value.item()
    return scalar(value)


def scalar(value: Any) -> tuple[Dtype, bool | int | float]:
    """One number (or array of size one) as a scalar column.

    Raises:
        BadValueError: not a number, or outside int64.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = plain(value)
        if value.size != 1:
            raise BadValueError(f"an array of shape {value.shape} where one number is needed")
        value = value.item()
    if isinstance(value, bool):
        return Dtype.BOOL, value
    if isinstance(value, int | numbers.Integral):
        if int(value) not in _INT64:
            raise BadValueError("an integer outside int64: pass it as a float")
        return Dtype.I8, int(value)
    if isinstance(value, numbers.Real):
        return Dtype.F8, float(value)
    raise BadValueError(
        f"a value of type {type(value).__name__}: pass a number, an array or a wrapper "
        "of podlog.worker.values"
    )


def plain(value: Any) -> np.ndarray:
    """`value` as an array of bools, integers or floats that NumPy itself knows.

    Raises:
        BadValueError: complex numbers, objects, texts, dates.
    """
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return array
    try:
        if array.dtype.kind == "V" and array.dtype.names is None:
            return array.astype(np.float32)
    except (TypeError, ValueError):
        pass
    raise BadValueError(f"an array of {array.dtype}: pass bools, integers or floats")

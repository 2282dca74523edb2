"""NaN and infinities are found wherever they hide."""

import ml_dtypes
import numpy as np
import pytest

from podlog.proto.records import Op
from podlog.worker.columns import array_state, payload_state, state
from podlog.worker.guard import Finding, scan

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "value",
    [
        NAN,
        np.float16(NAN),
        np.float32(NAN),
        np.float64(NAN),
        np.array(NAN),
        np.array([1.0, NAN]),
        np.array(NAN, ml_dtypes.bfloat16),
        np.array([1, NAN], ml_dtypes.bfloat16),
    ],
    ids=repr,
)
def test_nan_of_every_type(value):
    """A NaN of any width, alone or in an array, is found."""
    states = [state("good", Op.NUMBER, (1.0,)), state("bad", Op.NUMBER, (value,))]
    assert scan(states, 1) == [Finding("bad", nan=True, everywhere=True)]


@pytest.mark.parametrize("value", [INF, -INF, np.array([0, -INF], np.float32)], ids=repr)
def test_infinities(value):
    """An infinity of either sign is found, and is no NaN."""
    assert scan([state("x", Op.MAX, (value,))], 1) == [Finding("x", nan=False, everywhere=True)]


def test_every_column_is_looked_at():
    """Any column of a state may hold it; both kinds are told apart."""
    states = [
        state("mean", Op.MEAN, (1.0, NAN)),
        state("std", Op.STD, (2, 1.0, INF)),
        array_state("both", Op.CONCAT, (np.array([NAN, INF]),)),
    ]
    found = [(f.key, f.nan) for f in scan(states, 1)]
    assert found == [("mean", True), ("std", False), ("both", True), ("both", False)]


def test_finite_values_and_payloads_are_no_finding():
    """Integers, bools, large floats, texts and pictures are left alone."""
    states = [
        state("int", Op.NUMBER, (2**62,)),
        state("bool", Op.NUMBER, (True,)),
        state("float", Op.NUMBER, (1.7e308,)),
        array_state("ints", Op.CONCAT, (np.arange(3),)),
        payload_state("text", Op.TEXT, b"nan"),
    ]
    assert scan(states, 1) == []


@pytest.mark.parametrize(
    ("replicas", "everywhere"), [((), False), ((0, 1), False), ((0, 1, 2, 3), True)]
)
def test_only_what_all_hold_is_everywhere(replicas, everywhere):
    """In a pod a finding is everywhere only if every process holds the value."""
    assert scan([state("x", Op.MEAN, (NAN, 1), replicas)], 4) == [
        Finding("x", nan=True, everywhere=everywhere)
    ]

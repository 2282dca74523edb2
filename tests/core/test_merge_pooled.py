"""The merge against a deliberately dumb computation over all samples."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_merge import merged, of
from kit_records import bits, record

from podlog.proto.records import Op

number = st.floats(-1e6, 1e6) | st.integers(-(2**62), 2**62)
split = st.lists(st.lists(number, max_size=6), min_size=1, max_size=5)


def states_of(samples: list[int | float]) -> dict[str, object]:
    """What a process with these samples sends."""
    if not samples:
        return {"sum": (Op.SUM, (0,)), "mean": (Op.MEAN, (0, 0))}
    array = np.asarray(samples, np.float64)
    floats = [float(s) for s in samples]
    mean = math.fsum(floats) / len(floats)
    m2 = math.fsum((f - mean) ** 2 for f in floats)
    counts, edges = np.histogram(array, [-1e30, -1.0, 0.0, 1.0, 1e30])
    return {
        "sum": (Op.SUM, (exact(samples),)),
        "mean": (Op.MEAN, (exact(samples), len(samples))),
        "min": (Op.MIN, (min(samples),)),
        "max": (Op.MAX, (max(samples),)),
        "std": (Op.STD, (len(samples), mean, m2)),
        "all": (Op.CONCAT, (array,)),
        "counted": (Op.CONCAT_COUNTED, (array, np.ones(len(array), np.int64))),
        "histogram": (Op.HISTOGRAM, (edges, counts)),
        "seen": (Op.COUNTER, (len(samples),)),
    }


def exact(samples: list[int | float]) -> int | float:
    """The sum: an int64 or a float."""
    total = sum((Fraction(s) for s in samples), Fraction(0))
    whole = all(isinstance(s, int) for s in samples) and abs(total) < 2**63
    return int(total) if whole else float(total)


@settings(deadline=None, max_examples=120)
@given(split)
def test_merged_is_pooled(parts):
    """Every op gives the value over all samples, whichever process had which."""
    pool = [s for part in parts for s in part]
    found = merged(*(record(p, 1, states_of(part)) for p, part in enumerate(parts))).metrics
    if not pool:
        assert found == {"sum": 0}
        return

    pooled = np.asarray(pool, np.float64)
    total = sum((Fraction(s) for s in pool), Fraction(0))
    scale = float(sum(abs(Fraction(s)) for s in pool)) or 1.0
    assert abs(Fraction(found["sum"]) - total) <= Fraction(1e-15 * scale)
    assert found["mean"] == pytest.approx(float(total / len(pool)), rel=1e-12, abs=1e-14 * scale)
    assert found["min"] == min(pool)
    assert found["max"] == max(pool)
    assert found["seen"] == len(pool)
    wide = np.ptp(pooled / 1e3) * 1e3 or 1.0
    assert found["std"] == pytest.approx(
        float(np.std(pooled)), rel=1e-9, abs=1e-12 * wide + 1e-14 * scale
    )
    assert np.array_equal(found["all"], pooled)
    assert np.array_equal(found["counted"][0], pooled)
    assert found["counted"][1].sum() == len(pool)
    assert np.array_equal(
        found["histogram"].counts, np.histogram(pooled, found["histogram"].edges)[0]
    )


@settings(deadline=None, max_examples=80)
@given(split, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_bit(parts, rng: random.Random):
    """The records in any order give the same row, bit for bit."""
    records = [record(p, 1, states_of(part), epoch=p) for p, part in enumerate(parts)]
    first = bits(merged(*records, keep=True))
    rng.shuffle(records)
    assert bits(merged(*records, keep=True)) == first


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6))
def test_integers_stay_exact(values):
    """Sums of int64 are exact beyond 2^53 and beyond 2^63; their mean is rounded once."""
    assert of(*((Op.SUM, (v,)) for v in values)) == sum(values)
    assert of(*((Op.COUNTER, (v,)) for v in values)) == sum(values)
    mean = of(*((Op.MEAN, (v, 1)) for v in values))
    assert mean == float(Fraction(sum(values), len(values)))


def test_counts_beyond_the_floats_make_exact_means():
    """An accuracy over counts that float64 cannot hold is still right to the last bit."""
    big = 2**62 + 1
    assert of((Op.MEAN, (big, big)), (Op.MEAN, (big - 2, big))) == float(
        Fraction(2 * big - 2, 2 * big)
    )

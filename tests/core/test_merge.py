"""Each op, keys and processes, replicas: what a merged row is."""

import dataclasses
import itertools
import math

import crc32c
import numpy as np
import pytest
from kit_merge import merged, of
from kit_records import record

from podlog.proto.records import Dtype, Op, Record
from podlog.proto.rows import Histogram, Media, PerProcess

# -------------------------------------------------------------------- each op


@pytest.mark.parametrize(
    ("states", "value"),
    [
        pytest.param([(Op.MEAN, (3.0, 2)), (Op.MEAN, (1.0, 2))], 1.0, id="mean"),
        pytest.param([(Op.MEAN, (0.0, 0)), (Op.MEAN, (6, 3))], 2.0, id="empty part"),
        pytest.param([(Op.MEAN, (0.0, 0))], None, id="no sample at all"),
        pytest.param([(Op.MAX, (-3,)), (Op.MAX, (-5,))], -3, id="negative maximum"),
        pytest.param([(Op.MIN, (2**53 + 1,)), (Op.MIN, (float(2**53),))], 2.0**53, id="min"),
        pytest.param([(Op.SINGLE, (6.0, 2)), (Op.SINGLE, (9.0, 1))], 3.0, id="lowest's single"),
        pytest.param([(Op.SINGLE, (0, 0)), (Op.SINGLE, (9, 1))], 9, id="empty single"),
        pytest.param([(Op.STD, (2, 10000.5, 0.5))], 0.5, id="std without cancellation"),
        pytest.param([(Op.STD, (0, 0.0, 0.0))], None, id="std of nothing"),
        pytest.param([3, 4], 3.5, id="plain numbers"),
        pytest.param([7, 7, 7], 7, id="equal numbers stay as they are"),
        pytest.param([0.1, 0.1, 0.1], 0.1, id="equal floats too"),
        pytest.param([True, False], 0.5, id="share of true"),
        pytest.param([None, 5], 5, id="of one process only"),
        pytest.param([(Op.SUM, (1e308,)), (Op.SUM, (1e308,))], math.inf, id="sum overflows"),
        pytest.param(
            [(Op.SUM, (1e308,)), (Op.SUM, (1e308,)), (Op.SUM, (-1e308,))], 1e308, id="in between"
        ),
        pytest.param([(Op.SUM, (math.inf,)), (Op.SUM, (1.0,))], math.inf, id="inf takes part"),
    ],
)
def test_table(states, value):
    """The value of each op for a few processes."""
    found = of(*states)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "states",
    [
        [(Op.MEAN, (math.nan, 1)), (Op.MEAN, (1.0, 1))],
        [(Op.MEAN, (math.nan, 0))],
        [(Op.SUM, (math.inf,)), (Op.SUM, (-math.inf,))],
        [(Op.MAX, (1.0,)), (Op.MAX, (math.nan,))],
        [(Op.MIN, (math.nan,)), (Op.MIN, (1,))],
        [(Op.STD, (2, math.nan, 1.0)), (Op.STD, (2, 0.0, 1.0))],
        [(Op.STD, (2, math.inf, 1.0)), (Op.STD, (2, 0.0, 1.0))],
        [math.nan, 1.0],
        [(Op.COUNTER, (math.nan,)), (Op.COUNTER, (1,))],
    ],
)
def test_nan_takes_part(states):
    """A NaN of one process makes the merged value NaN."""
    assert math.isnan(of(*states))


def test_not_finite_is_attributed():
    """NaN and Inf name process, host, key and step, in scalars and in arrays."""
    found = merged(
        record(0, 5, {"a": 1.0}),
        record(2, 5, {"a": math.nan, "b": (Op.CONCAT, ([1.0, math.inf, math.nan],))}),
    )
    assert [(f.process, f.host, f.key, f.step, f.nan) for f in found.non_finite] == [
        (2, "host2", "a", 5, True),
        (2, "host2", "b", 5, True),
        (2, "host2", "b", 5, False),
    ]


def test_open_outer_edges_of_a_histogram_are_no_infinity():
    """Histograms may reach from -inf to inf."""
    edges = [-math.inf, 0.0, math.inf]
    assert not merged(record(0, 1, {"h": (Op.HISTOGRAM, (edges, [1, 2]))})).non_finite


@pytest.mark.parametrize(("how", "value"), [("sum", 9), ("min", 4), ("max", 5), ("mean", 4.5)])
def test_reduce_overrides_plain_numbers(how, value):
    """The first glob that matches a key says how its plain numbers merge."""
    reduce = {"other": "max", "x*": how, "*": "mean"}
    assert of(4, 5, reduce=reduce) == value
    assert of((Op.SUM, (4,)), (Op.SUM, (5,)), reduce={"x": "max"}) == 9


def test_histograms_with_unequal_edges_are_kept():
    """Counts are added only if edges are equal, else each process's stays."""
    one, two = (Op.HISTOGRAM, ([0.0, 1.0], [3])), (Op.HISTOGRAM, ([0.0, 2.0], [4]))
    added = of(one, one)
    assert isinstance(added, Histogram)
    assert added.counts.tolist() == [6]
    kept = of(one, two)
    assert isinstance(kept, PerProcess)
    assert list(kept.values) == [0, 1]


def test_media_are_kept_per_process():
    """Texts, images and tables stay each process's own; of one process it is the thing itself."""
    assert of((Op.TEXT, (b"hi",))) == Media(Op.TEXT, b"hi")
    assert of((Op.IMAGE, (b"a",)), (Op.IMAGE, (b"b",))) == PerProcess(
        {0: Media(Op.IMAGE, b"a"), 1: Media(Op.IMAGE, b"b")}
    )


def test_arrays_merge_by_element():
    """Mean, sum, max and std of arrays are taken element by element, integers exactly."""
    a, b = np.array([1.0, 5.0, 2.0]), np.array([3.0, 1.0, 2.0])
    assert of((Op.MEAN, (a, 1)), (Op.MEAN, (b, 3))).tolist() == [1.0, 1.5, 1.0]
    assert of((Op.MAX, (a,)), (Op.MAX, (b,))).tolist() == [3.0, 5.0, 2.0]
    big = np.array([2**62, 1])
    assert of((Op.SUM, (big,)), (Op.SUM, (big - 1,))).tolist() == [2**63 - 1, 1]
    zero = np.zeros(3)
    assert of((Op.STD, (1, a, zero)), (Op.STD, (1, b, zero))).tolist() == [1.0, 2.0, 0.0]


def test_arrays_that_do_not_fit_are_kept_per_process():
    """Arrays of different shapes are reported and stay side by side; other keys are merged."""
    found = merged(
        record(0, 1, {"x": (Op.SUM, ([1.0, 2.0],)), "y": 1}),
        record(1, 1, {"x": (Op.SUM, ([1.0, 2.0, 3.0],)), "y": 3}),
    )
    assert isinstance(found.metrics["x"], PerProcess)
    assert found.metrics["y"] == 2.0
    assert [(p.key, p.process) for p in found.problems] == [("x", 0)]


# ----------------------------------------------------------- keys and processes


def test_keys_are_merged_by_name():
    """Processes with different keys: each key holds those that have it, in stable order."""
    found = merged(record(1, 1, {"c": 3, "b": 2}), record(0, 1, {"a": 1, "b": 1}))
    assert list(found.metrics.items()) == [("a", 1), ("b", 1.5), ("c", 3)]
    assert {k: s.processes for k, s in found.spreads.items()} == {"a": (0,), "b": (0, 1), "c": (1,)}
    assert found.processes == (0, 1)


def test_spread_names_who():
    """The extremes and the lowest process that holds them; NaN is one only if all are."""
    found = merged(*(record(p, 1, {"x": v}) for p, v in enumerate([2.0, math.nan, 5.0, 2.0])))
    spread = found.spreads["x"]
    assert (spread.min, spread.min_process, spread.max, spread.max_process) == (2.0, 0, 5.0, 2)
    assert spread.processes == (0, 1, 2, 3)
    assert math.isnan(merged(record(0, 1, {"x": math.nan})).spreads["x"].min)


def test_ops_of_one_key_are_not_mixed():
    """Where processes log a key in different ways the lowest one's counts, the rest is told."""
    found = merged(record(0, 1, {"x": (Op.SUM, (1,))}), record(3, 1, {"x": (Op.MAX, (9,))}))
    assert found.metrics["x"] == 1
    (problem,) = found.problems
    assert (problem.process, problem.key) == (3, "x")
    assert "MAX" in problem.reason


def test_an_unreadable_payload_spoils_only_itself():
    """A state whose array cannot be read is told; the rest of the row is merged."""
    found = merged(record(0, 1, {"x": (Op.CONCAT, (b"junk",)), "p": (Op.PAYLOAD, (b"",)), "y": 1}))
    assert found.metrics == {"y": 1}
    assert [p.key for p in found.problems] == ["x", "p"]


def test_per_process_values_are_kept_on_demand():
    """Own values by process, except where all of them hold one copy."""
    records = [record(p, 1, {"x": p, "same": (Op.SUM, (4,), (0, 1))}) for p in (0, 1)]
    assert merged(*records, keep=True).per_process == {"x": {0: 0, 1: 1}}
    assert merged(*records).per_process == {}


def test_of_two_lives_the_later_counts():
    """Where a process came back and logged a row again, its newer record is the one."""
    old = record(1, 1, {"x": 1}, incarnation=9, time=10.0)
    new = record(1, 1, {"x": 2}, incarnation=3, time=20.0)
    other = record(0, 1, {"x": 4}, epoch=6)
    for order in itertools.permutations([old, new, other]):
        found = merged(*order)
        assert (found.metrics["x"], found.replaced, found.epoch) == (3.0, (1,), 6)


# ------------------------------------------------------------------- replicated


def digest(made: Record) -> Record:
    """`made` as a holder that is not the lowest sends it."""
    schema = made.draft.schema
    metrics = tuple(
        dataclasses.replace(
            m,
            digest=True,
            dtypes=tuple(Dtype.I8 if d is Dtype.BYTES else d for d in m.dtypes),
        )
        for m in schema.metrics
    )
    values = tuple(crc32c.crc32c(v) if isinstance(v, bytes) else v for v in made.draft.values)
    draft = dataclasses.replace(
        made.draft, schema=dataclasses.replace(schema, metrics=metrics), values=values
    )
    return dataclasses.replace(made, draft=draft)


def test_replicas_count_once():
    """One copy stands for all holders; distinct groups and own values merge by the op."""
    pair = (Op.MEAN, (4.0, 2), (0, 1))
    other = (Op.MEAN, (9.0, 3), (2, 3))
    assert of(pair, pair) == 2.0
    assert of(pair, pair, other, other, (Op.MEAN, (1.0, 1))) == 14 / 6
    assert of(None, pair) == 2.0


def test_replicas_that_disagree_are_named():
    """Holders of one array with other bits are a divergence; NaN agrees with NaN."""
    one, two = (Op.SUM, (0.0,), (0, 1)), (Op.SUM, (-0.0,), (0, 1))
    assert merged(record(0, 1, {"x": one}), record(1, 1, {"x": two})).diverged == ("x",)
    nan = (Op.SUM, (math.nan,), (0, 1))
    assert merged(record(0, 1, {"x": nan}), record(1, 1, {"x": nan})).diverged == ()


def test_payloads_of_replicas_come_from_the_lowest():
    """The others' checksums are compared with it; without it the key is absent."""
    states = {"x": (Op.CONCAT, ([1.0, 2.0],), (0, 1)), "y": 1}
    lowest, other = record(0, 1, states), digest(record(1, 1, {"x": states["x"]}))
    found = merged(other, lowest)
    assert found.metrics["x"].tolist() == [1.0, 2.0]
    assert found.diverged == ()

    changed = digest(record(1, 1, {"x": (Op.CONCAT, ([1.0, 3.0],), (0, 1))}))
    assert merged(lowest, changed).diverged == ("x",)
    assert merged(other).metrics == {}

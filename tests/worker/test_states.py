"""From host values to states and back; bad metrics are problems, never errors."""

import dataclasses
import decimal
import enum
import fractions
import io
import json
import math
import struct
import zlib

import ml_dtypes
import numpy as np
import pytest

from podlog.proto.codec import unpack_array
from podlog.proto.records import Dtype, Op
from podlog.proto.rows import Histogram, Media
from podlog.worker import values as v
from podlog.worker.states import local_values, tree_states, value_states, within


def one(value, counters=None, **kwargs):
    """The state of a single host metric, which must be fine."""
    states, problems = value_states({"k": value}, {} if counters is None else counters, **kwargs)
    assert not problems
    (state,) = states
    return state


def refused(value):
    """The reason why a host metric is a problem."""
    states, problems = value_states({"good": 1, "k": value, "also": 2}, {})
    assert [s.metric.key for s in states] == ["good", "also"]
    assert [p.key for p in problems] == ["k"]
    return problems[0].reason


@pytest.mark.parametrize(
    ("value", "dtype", "column"),
    [
        (1.5, Dtype.F8, 1.5),
        (2**62, Dtype.I8, 2**62),
        (True, Dtype.BOOL, True),
        (np.bool_(False), Dtype.BOOL, False),
        (np.int8(-3), Dtype.I8, -3),
        (np.float32(0.5), Dtype.F8, 0.5),
        (np.array([[2.5]]), Dtype.F8, 2.5),
        (np.array(7, np.uint64), Dtype.I8, 7),
        (np.array(1.5, ml_dtypes.bfloat16), Dtype.F8, 1.5),
        (fractions.Fraction(1, 4), Dtype.F8, 0.25),
    ],
    ids=repr,
)
def test_plain_numbers(value, dtype, column):
    """Numbers and arrays of size one of any type are NUMBERs of the right column."""
    state = one(value)
    assert (state.metric.op, state.metric.dtypes, state.columns) == (Op.NUMBER, (dtype,), (column,))
    assert type(state.columns[0]) is type(column)


def test_arrays_are_concatenated():
    """An array of another size is a CONCAT with its payload."""
    state = one(np.array([[1, 2]], np.int16))
    assert state.metric.op is Op.CONCAT
    np.testing.assert_array_equal(unpack_array(state.columns[0]), [[1, 2]])


@pytest.mark.parametrize(
    ("value", "op", "columns"),
    [
        (v.Mean(6, 3), Op.MEAN, (6, 3)),
        (v.Mean(0.5), Op.MEAN, (0.5, 1)),
        (v.Mean(0, 0), Op.MEAN, (0, 0)),
        (v.Sum(np.float32(2)), Op.SUM, (2.0,)),
        (v.Max(-1), Op.MAX, (-1,)),
        (v.Min(-1.0), Op.MIN, (-1.0,)),
        ("text", Op.TEXT, (b"text",)),
        (v.Text("\ud800x"), Op.TEXT, (b"\\ud800x",)),
    ],
    ids=repr,
)
def test_wrappers(value, op, columns):
    """Each wrapper is its op, with its values as columns."""
    state = one(value)
    assert (state.metric.op, state.columns) == (op, columns)


def test_counters_keep_running_totals():
    """Increments add up by key, exactly, and bad ones change nothing."""
    counters: dict[str, int | float] = {}
    assert one(v.Counter(5), counters).columns == (5,)
    assert one(v.Counter(2**60), counters).columns == (2**60 + 5,)
    for bad in (math.nan, math.inf, "x", 2**63 - 1):
        assert value_states({"k": v.Counter(bad)}, counters)[0] == []
    assert counters == {"k": 2**60 + 5}


def test_histograms():
    """From counts, from samples with given edges, and from samples with a number of bins."""
    given = v.Histogram(edges=[0, 1, 2], counts=[3, 4])
    value = local_values([one(given)])["k"]
    assert isinstance(value, Histogram)
    assert (value.edges.tolist(), value.counts.tolist()) == ([0, 1, 2], [3, 4])
    made = local_values([one(v.Histogram([0.5, 1.5, 1.7], edges=[0, 1, 2]))])["k"]
    assert made.counts.tolist() == [1, 2]
    assert len(local_values([one(v.Histogram(np.arange(9), edges=5))])["k"].counts) == 5


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (v.Histogram(edges=[0, 1], counts=[3, 4]), "(k + 1,)"),
        (v.Histogram(edges=[1, 1], counts=[3]), "increase"),
        (v.Histogram([1.0, math.nan]), "1 of 2 samples"),
        (v.Image(np.zeros((2, 2, 5))), "(2, 2, 5)"),
        (v.Image(np.zeros((2, 2), np.int64)), "int64"),
        (v.Table(["a", "b"], [[1]]), "row 0"),
        (v.Mean("x", 1), "type str"),
        (v.Mean(1, -2), "-2 samples"),
        (v.Sum(None), "NoneType"),
        (None, "NoneType"),
        (1j, "complex"),
        (np.array([1j]), "complex"),
        (np.array(["a", "b"]), "<U1"),
        (np.array([object()]), "object"),
        (np.datetime64("2020-01-01"), "datetime64"),
        (2**63, "int64"),
        (np.array(2**64 - 1, np.uint64), "int64"),
        ({"nested": 1}, "dict"),
        ([1, 2], "list"),
        (decimal.Decimal(1), "Decimal"),
        (enum.Enum("E", "A").A, "type E"),
        (object(), "object"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bad_values_are_problems(value, said):
    """What cannot be logged is named with its reason; the other metrics are logged."""
    assert said in refused(value)


def test_a_value_whose_methods_raise_is_a_problem():
    """Nothing that a user's object does reaches the caller."""

    class Hostile:
        def __array__(self, *args, **kwargs):
            raise RuntimeError("boom")

    assert "boom" in refused(v.Image(Hostile()))


def test_bad_keys_are_problems():
    """Keys are strings; what UTF-8 cannot hold is escaped, and nothing collides silently."""
    states, problems = value_states({1: 1.0, "": 2.0, "\ud800": 3.0, "\\ud800": 4.0}, {})
    assert [s.metric.key for s in states] == ["", "\\ud800"]
    assert [p.key for p in problems] == ["1", "\\ud800"]


def test_png_is_a_picture():
    """Floats in [0, 1] become an 8-bit PNG, line by line."""
    media = local_values([one(v.Image([[0.0, 1.0], [0.5, math.nan]]))])["k"]
    assert isinstance(media, Media)
    assert media.op is Op.IMAGE
    data = io.BytesIO(media.payload)
    assert data.read(8) == b"\x89PNG\r\n\x1a\n"
    chunks = {}
    while length := data.read(4):
        name = data.read(4)
        body = data.read(struct.unpack(">I", length)[0])
        assert struct.unpack(">I", data.read(4))[0] == zlib.crc32(name + body)
        chunks[name] = body
    assert chunks[b"IHDR"] == struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    assert zlib.decompress(chunks[b"IDAT"]) == bytes([0, 0, 255, 0, 128, 0])


def test_tables_are_strict_json():
    """Cells keep their types; what JSON cannot hold is text."""
    rows = [[1, np.float32(0.5)], [None, math.inf], ["a", decimal.Decimal(2)]]
    media = local_values([one(v.Table(["x", "y"], rows))])["k"]
    assert json.loads(media.payload) == {
        "columns": ["x", "y"],
        "rows": [[1, 0.5], [None, "Infinity"], ["a", "2"]],
    }


def test_tree_states_come_by_key_and_mode():
    """A tree becomes sorted states with postfixed keys; empty ones are absent."""
    leaf = {"value": np.float32(6), "count": np.int32(3)}
    tree = {
        "b": {"single": leaf, "max": leaf, "min": leaf, "mean_nopostfix": leaf, "sum": leaf},
        "a": {"std": leaf | {"value2": np.float32(2)}, "mean": {"value": 0.0, "count": 0}},
        "c": np.float32(4),
    }
    states, problems = tree_states(tree)
    assert not problems
    assert [(s.metric.key, s.metric.op, s.columns) for s in states] == [
        ("a_std", Op.STD, (3, 6.0, 2.0)),
        ("b_max", Op.MAX, (6.0,)),
        ("b", Op.MEAN, (6.0, 3)),
        ("b_min", Op.MIN, (6.0,)),
        ("b_single", Op.SINGLE, (6.0, 3)),
        ("b_sum", Op.SUM, (6.0,)),
        ("c", Op.NUMBER, (4.0,)),
    ]
    assert local_values(states)["b_single"] == 2.0
    assert local_values(states)["a_std"] == math.sqrt(2 / 3)


def test_problems_of_a_tree():
    """Unknown modes, missing leaves and two metrics of one name are said; the rest is kept."""
    leaf = {"value": 6.0, "count": 3}
    tree = {
        "a": {"mean": leaf, "median": leaf, "max": {"value": 1.0}},
        "a_mean": {"mean_nopostfix": leaf},
    }
    states, problems = tree_states(tree)
    assert [s.metric.key for s in states] == ["a_mean"]
    assert len(problems) == 3
    assert any("under this name" in p.reason for p in problems)


def test_replicas_reach_the_states():
    """Groups are kept by (key, mode) in a tree, by key among host metrics."""
    leaf = {"value": 6.0, "count": 3}
    states, _ = tree_states({"a": {"mean": leaf, "max": leaf}}, {("a", "mean"): (0, 1)})
    assert {s.metric.key: s.metric.replicas for s in states} == {"a_mean": (0, 1), "a_max": ()}
    assert one(1.0, replicas={("k",): (0, 1)}).metric.replicas == (0, 1)


def test_local_values_are_python_scalars():
    """What end_epoch returns holds int, float, bool and str wherever there is one value."""
    states, _ = value_states(
        {
            "int": np.int32(3),
            "float": np.float32(0.5),
            "bool": np.bool_(True),
            "text": "t",
            "mean": v.Mean(np.int64(3), np.int64(2)),
            "none": v.Mean(0, 0),
            "array": np.arange(2),
        },
        {},
    )
    own = local_values(states)
    np.testing.assert_array_equal(own.pop("array"), [0, 1])
    assert math.isnan(own.pop("none"))
    assert own == {"int": 3, "float": 0.5, "bool": True, "text": "t", "mean": 1.5}
    assert [type(value) for value in own.values()] == [int, float, bool, str, float]


def test_large_payloads_are_refused():
    """A payload over the limit is a problem that names it; scalars never are."""
    states, _ = value_states({"big": np.zeros(1000), "small": 1.0, "text": "x" * 100}, {})
    kept, problems = within(states, 1000)
    assert [s.metric.key for s in kept] == ["small", "text"]
    assert problems[0].key == "big"
    assert "max_payload_mb" in problems[0].reason


def test_wrappers_are_frozen():
    """A wrapper cannot be changed after it was handed over."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        v.Mean(1).total = 2  # type: ignore[misc]

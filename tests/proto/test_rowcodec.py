"""Rows, values and feed items survive the wire; anything else is a WireError."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.proto import podlog_pb2 as pb
from podlog.proto.errors import WireError
from podlog.proto.records import Event, Kind, Op, RunConfig
from podlog.proto.rowcodec import (
    encode_item,
    encode_metrics,
    encode_row,
    encode_value,
    read_item,
    read_metrics,
    read_row,
    read_value,
)
from podlog.proto.rows import (
    ConfigItem,
    EventItem,
    Histogram,
    Media,
    NonFinite,
    PerProcess,
    Row,
    RowKey,
    Spread,
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers(0, 5000), inner, max_size=3).map(PerProcess)
    ),
    max_leaves=6,
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def _same(a: Any, b: Any) -> bool:
    return a == b and type(a) is type(b) and repr(a) == repr(b)


def _over_the_wire(row: Row) -> Row:
    return read_row(pb.Row.FromString(encode_row(row).SerializeToString()))


@settings(deadline=None)
@given(VALUES)
def test_any_value_comes_back_with_its_type(value: Any) -> None:
    """Numbers, text, tuples and per-process values are the same after the wire."""
    assert _same(read_value(encode_value(value)), value)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 2**63, -(2**63) - 1, -0.0, 1e-45])
def test_extreme_numbers_are_exact(value: float) -> None:
    """The ends of int64, what lies beyond them, -0.0 and denormals are kept."""
    assert _same(read_value(encode_value(value)), value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_floats_stay_what_they_are(value: float) -> None:
    """NaN stays NaN, infinities keep their sign."""
    assert repr(read_value(encode_value(value))) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.5),
        np.zeros((0, 3), np.int8),
        np.arange(6, dtype=">i4").reshape(2, 3).T,
        np.array([True, False]),
        np.array([math.nan, -0.0]),
    ],
)
def test_arrays_keep_shape_and_dtype(array: np.ndarray) -> None:
    """Any plain array comes back with its shape, dtype and bits."""
    back = read_value(encode_value(array))
    assert isinstance(back, np.ndarray)
    assert (back.shape, back.dtype) == (array.shape, array.dtype)
    assert back.tobytes() == array.tobytes()


def test_histograms_and_media() -> None:
    """Wrapped values keep their parts."""
    back = read_value(encode_value(Histogram(np.array([0.0, 1, 2]), np.array([3, 4]))))
    assert isinstance(back, Histogram)
    assert back.edges.tolist() == [0, 1, 2] and back.counts.tolist() == [3, 4]
    media = Media(Op.IMAGE, b"png")
    assert read_value(encode_value(media)) == media


def test_numpy_scalars_are_numbers_and_surrogates_are_escaped() -> None:
    """What a postprocess function may return is taken."""
    assert _same(read_value(encode_value(np.int64(3))), 3)  # type: ignore[arg-type]
    assert _same(read_value(encode_value(np.float32(0.5))), 0.5)  # type: ignore[arg-type]
    assert read_value(encode_value("bad \ud800")) == "bad \\ud800"


def test_what_is_no_value_is_refused_where_it_is_made() -> None:
    """Objects and arrays of objects do not get on the wire."""
    with pytest.raises(TypeError, match="object"):
        encode_value(object())  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        encode_value(np.array([object()]))


@pytest.mark.parametrize(
    "message",
    [
        pb.Value(),
        pb.Value(big_int="ten"),
        pb.Value(array=b"no array"),
        pb.Value(media=pb.Media(payload=b"x")),
        pb.Value(list=pb.ValueList(values=[pb.Value()])),
        pb.Value(per_process=pb.PerProcess(processes=[1, 2], values=[pb.Value(f=1)])),
    ],
)
def test_bad_values_are_wire_errors(message: pb.Value) -> None:
    """A message that holds no value says so and nothing else is raised."""
    with pytest.raises(WireError):
        read_value(message)


ROWS = st.builds(
    Row,
    key=st.builds(
        RowKey,
        st.integers(0, 9),
        KEYS,
        st.integers(-(2**63), 2**63 - 1),
        st.sampled_from(list(Kind)),
        st.integers(0, 9),
    ),
    revision=st.integers(0, 3),
    epoch=st.integers(-1, 9),
    time=st.floats(0, 1e10),
    metrics=st.dictionaries(KEYS, VALUES, max_size=5),
    shown=st.none() | st.dictionaries(KEYS, VALUES, max_size=5),
    processes=st.lists(st.integers(0, 9)).map(tuple),
    missing=st.lists(st.integers(0, 9)).map(tuple),
    absent=st.lists(st.integers(0, 9)).map(tuple),
    spreads=st.dictionaries(
        KEYS,
        st.builds(
            Spread,
            st.integers(0, 2**70),
            st.floats(allow_nan=False),
            st.integers(0, 9),
            st.integers(0, 9),
            st.just((1, 2)),
        ),
        max_size=2,
    ),
    non_finite=st.lists(
        st.builds(NonFinite, st.integers(0, 9), KEYS, KEYS, st.integers(), st.booleans()).filter(
            lambda found: abs(found.step) < 2**63
        ),
        max_size=2,
    ).map(tuple),
    flags=st.lists(KEYS, max_size=2).map(tuple),
    per_process=st.dictionaries(
        KEYS, st.dictionaries(st.integers(0, 9), VALUES, max_size=3), max_size=2
    ),
    id=st.integers(0, 2**63 - 1),
)


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_any_row_comes_back_equal_and_in_order(row: Row) -> None:
    """Every field survives, and the keys of metrics and shown keep their order."""
    back = _over_the_wire(row)
    assert back == row
    assert list(back.metrics) == list(row.metrics)
    assert list(back.shown or ()) == list(row.shown or ())
    assert list(back.spreads) == list(row.spreads)


def test_shown_may_order_the_same_keys_differently() -> None:
    """Metrics and shown each keep their own order; empty shown is not no shown."""
    key = RowKey(1, "train", 3, Kind.STEP, 0)
    row = Row(key, 0, 0, 0.0, {"b": 1, "a": 2}, {"a": 2, "new": 3, "b": 1})
    back = _over_the_wire(row)
    assert (list(back.metrics), list(back.shown or ())) == (["b", "a"], ["a", "new", "b"])
    assert _over_the_wire(Row(key, 0, 0, 0.0, {}, {})).shown == {}
    assert _over_the_wire(Row(key, 0, 0, 0.0, {})).shown is None


def test_metrics_without_an_order_come_sorted() -> None:
    """Maps without a key order read the same in every process."""
    messages = encode_metrics({"b": 1, "c": 2, "a": 3})
    assert list(read_metrics(messages)) == ["a", "b", "c"]
    assert list(read_metrics(messages, ["c", "gone"])) == ["c", "a", "b"]


def test_bad_rows_are_wire_errors() -> None:
    """Unknown kinds and spreads of text are refused."""
    with pytest.raises(WireError):
        read_row(pb.Row(step=1))
    text = pb.Value(text="x")
    with pytest.raises(WireError, match="spread of 'k'"):
        read_row(pb.Row(kind=pb.STEP, spreads=[pb.Spread(key="k", min=text, max=text)]))


@pytest.mark.parametrize(
    "item",
    [
        Row(RowKey(1, "train", 3, Kind.STEP, 0), 0, 0, 0.5, {"a": 1}, id=7),
        EventItem(8, 1, 2, 30, 0.5, Event("nan", "NaN in loss", "train", "loss", "h", {"a": "b"})),
        ConfigItem(9, RunConfig('{"a": 1}', b"raw")),
    ],
)
def test_feed_items_come_back(item: Any) -> None:
    """Rows, events and configs survive the pipe to a tool's process."""
    data = encode_item(item).SerializeToString()
    assert read_item(pb.FeedItem.FromString(data)) == item


def test_an_empty_feed_item_is_a_wire_error() -> None:
    """A feed item of a kind that we do not know is refused."""
    with pytest.raises(WireError):
        read_item(pb.FeedItem())

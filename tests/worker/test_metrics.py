"""The train-step tree: what sums up to what, inside and outside of jit."""

import fractions
import math
import statistics

import flax.core
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from podlog.worker.metrics import aggregate_metrics, get_metrics, update_metrics

ALL = ("mean", "mean_nopostfix", "single", "max", "min", "sum", "std")


def fed(values, modes=ALL, *, jitted=True, counts=None, start=None):
    counts = counts or [1] * len(values)

    def step(tree, value, count):
        return update_metrics(tree, {"x": {"value": value, "count": count, "log_modes": modes}})

    step = jax.jit(step) if jitted else step
    for value, count in zip(values, counts, strict=True):
        start = step(start, value, count)
    return start


def zeros_of(values, modes=ALL):
    return jax.tree.map(jnp.zeros_like, fed(values, modes))


def test_every_mode_of_two_negative_values():
    """The maximum of -3 and -5 is -3; the host keys carry their modes, sorted."""
    _, host = get_metrics(fed([-3.0, -5.0]))
    assert host == {
        "x_max": -3.0,
        "x_mean": -4.0,
        "x": -4.0,
        "x_min": -5.0,
        "x_single": -5.0,
        "x_std": 1.0,
        "x_sum": -8.0,
    }
    assert all(type(value) is float for value in host.values())


@pytest.mark.parametrize("jitted", [True, False])
@pytest.mark.parametrize("values", [[-3.0], [-3.0, -5.0], [0.0, 2.0, 2.0]])
def test_zeros_are_a_valid_start(values, jitted):
    """A start from zeros gives what a start from nothing gives."""
    fresh = get_metrics(fed(values, jitted=jitted))[1]
    from_zeros = get_metrics(fed(values, jitted=jitted, start=zeros_of(values)))[1]
    assert from_zeros == pytest.approx(fresh, rel=1e-6)


def test_the_tree_of_eval_shape_is_final():
    """Zeros of the shapes of a first update have the structure of every later tree."""

    def first():
        return update_metrics(
            None, {"x": {"value": jnp.float32(1), "log_modes": ALL}, "y": jnp.float32(2)}
        )

    shapes = jax.eval_shape(first)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    later = update_metrics(
        zeros, {"x": {"value": jnp.float32(1), "log_modes": ALL}, "y": jnp.float32(2)}
    )
    assert isinstance(later, flax.core.FrozenDict)
    assert jax.tree.structure(later) == jax.tree.structure(zeros)
    for old, new in zip(jax.tree.leaves(zeros), jax.tree.leaves(later), strict=True):
        assert (old.shape, old.dtype, old.weak_type) == (new.shape, new.dtype, new.weak_type)


def test_empty_metrics_are_absent():
    """A metric without a sample is absent, never 0.0; others are not touched by it."""
    tree = fed([2.0])
    zeros, _ = get_metrics(tree)
    assert get_metrics(zeros)[1] == {}
    assert get_metrics(fed([math.nan, 4.0], ("max", "std"), counts=[0, 1]))[1] == {
        "x_max": 4.0,
        "x_std": 0.0,
    }


def test_a_sum_over_no_sample_is_said(caplog):
    """A mean of something over a count of 0 is left out with a warning."""
    assert get_metrics(fed([5.0], ("mean",), counts=[0]))[1] == {}
    assert "x_mean" in caplog.text
    assert "count of 0" in caplog.text


def test_a_nan_over_no_sample_is_kept():
    """A NaN is not taken for an empty metric."""
    assert math.isnan(get_metrics(fed([math.nan], ("mean",), counts=[0]))[1]["x_mean"])


def test_std_does_not_cancel():
    """10000 and 10001 have a standard deviation of 0.5, in float32 too."""
    assert get_metrics(fed([10000.0, 10001.0], ("std",)))[1] == {"x_std": 0.5}


@pytest.mark.parametrize("jitted", [True, False])
def test_counts_do_not_overflow(jitted):
    """Counts beyond int32 and a sum beyond 2**24 give the exact mean."""
    count = (1 << 31) - 1
    tree = fed(
        [jnp.int32(count), jnp.int32(-7), jnp.int32(count)],
        ("mean", "sum"),
        counts=[jnp.int32(count)] * 3,
        jitted=jitted,
    )
    host = get_metrics(tree)[1]
    assert host["x_sum"] == 2 * count - 7
    assert host["x_mean"] == (2 * count - 7) / (3 * count)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=1, max_size=8))
def test_integer_sums_are_exact(values):
    """A sum of int32 values is exact, however large and of whatever sign."""
    step = _integer_step()
    tree = None
    for value in values:
        tree = step(tree, jnp.asarray(value, jnp.int32))
    assert get_metrics(tree)[1].get("x_sum", 0) == sum(values)


_steps = []


def _integer_step():
    if not _steps:
        _steps.append(
            jax.jit(lambda t, v: update_metrics(t, {"x": {"value": v, "log_modes": "sum"}}))
        )
    return _steps[0]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=40), st.booleans())
def test_sums_lose_no_digits(values, jitted):
    """A mean of float32 values is that of exact arithmetic, to float64 rounding."""
    tree = None
    add = _mean_step if jitted else (lambda t, v: update_metrics(t, {"x": v}))
    for value in values:
        tree = add(tree, jnp.float32(value))
    exact = sum(map(fractions.Fraction, values)) / len(values)
    scale = max(map(abs, values), default=0)
    assert get_metrics(tree)[1].get("x", 0.0) == pytest.approx(float(exact), abs=1e-12 * scale)


@jax.jit
def _mean_step(tree, value):
    return update_metrics(tree, {"x": value})


def test_many_small_summands_after_a_large_one():
    """1e8 and ten thousand ones: nothing is swallowed by float32."""

    def body(tree, _):
        return update_metrics(tree, {"x": {"value": jnp.float32(1), "log_modes": ("sum",)}}), None

    start = update_metrics(None, {"x": {"value": jnp.float32(1e8), "log_modes": ("sum",)}})
    tree, _ = jax.jit(lambda t: jax.lax.scan(body, t, length=10_000))(start)
    assert get_metrics(tree)[1]["x_sum"] == 100_010_000


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20), st.data())
def test_aggregating_equals_updating(values, data):
    """Trees of two parts of the updates, aggregated, are the tree of all of them."""
    cut = data.draw(st.integers(0, len(values)))
    parts = [fed(part, jitted=False) for part in (values[:cut], values[cut:])]
    host = get_metrics(aggregate_metrics(parts))[1]
    whole = get_metrics(fed(values, jitted=False))[1]
    assert host.keys() == whole.keys()
    for key, value in whole.items():
        assert host[key] == pytest.approx(value, abs=1e-9), key
    if whole:
        assert host.get("x_std", 0) == pytest.approx(statistics.pstdev(values), abs=1e-6)


def test_aggregate_takes_trees_or_a_sequence():
    """None and {} count for nothing; both ways of calling agree."""
    a, b = fed([1.0]), fed([3.0])
    assert get_metrics(aggregate_metrics(a, None, b, {}))[1]["x"] == 2.0
    assert get_metrics(aggregate_metrics([a, b]))[1]["x"] == 2.0
    assert aggregate_metrics() == flax.core.freeze({})


def test_numpy_and_python_numbers_are_summed_in_64_bits():
    """Outside jit the sums of host numbers keep float64."""
    tree = fed([0.1, np.float64(0.2), 1e-9], ("mean_nopostfix",), jitted=False)
    assert get_metrics(tree)[1]["x"] == pytest.approx(0.300000001 / 3, rel=1e-15)


def test_half_precision_is_widened():
    """bfloat16 and float16 step values are summed in float32 or better."""
    tree = fed([jnp.bfloat16(1), jnp.float16(2)], ("mean",))
    assert tree["x"]["mean"]["value"].dtype == jnp.float32
    assert get_metrics(tree)[1] == {"x_mean": 1.5}


def test_counts_weigh():
    """Values are sums over their counts; float counts are weights."""
    host = get_metrics(fed([6.0, 1.0], ("mean", "max"), counts=[3, 2]))[1]
    assert host == {"x_max": 2.0, "x_mean": 7 / 5}
    assert get_metrics(fed([6.0], ("mean",), counts=[1.5]))[1] == {"x_mean": 4.0}


def test_noreduce_modes_pass_arrays_through():
    """single_noreduce gives the array, single_noreduce_wcount values and counts."""
    tree = update_metrics(
        None,
        {
            "a": {"value": jnp.arange(3.0), "log_modes": ["single_noreduce"]},
            "b": {
                "value": jnp.arange(2.0),
                "count": jnp.array([1, 2]),
                "log_modes": ["single_noreduce_wcount"],
            },
            "c": {"value": jnp.ones((1, 1)), "log_modes": ["single_noreduce"]},
        },
    )
    host = get_metrics(tree)[1]
    np.testing.assert_array_equal(host["a_single_noreduce"], [0, 1, 2])
    np.testing.assert_array_equal(host["b_single_noreduce_wcount"][1], [1, 2])
    assert host["c_single_noreduce"] == 1.0
    assert type(host["c_single_noreduce"]) is float


def test_means_of_arrays_are_elementwise():
    """A mean of arrays with one count is an array."""
    tree = fed([jnp.array([1.0, 2.0]), jnp.array([3.0, 2.0])], ("mean",))
    np.testing.assert_array_equal(get_metrics(tree)[1]["x_mean"], [2.0, 2.0])


def test_a_tree_made_by_hand_needs_no_extras():
    """A mean without value2 is read, updated and kept in its structure."""
    tree = {"x": {"mean": {"value": jnp.float32(4), "count": jnp.int32(2)}}}
    assert get_metrics(tree)[1] == {"x_mean": 2.0}
    later = update_metrics(tree, {"x": {"value": jnp.float32(2), "log_modes": ["mean"]}})
    assert set(later["x"]["mean"]) == {"value", "count"}
    assert get_metrics(later)[1] == {"x_mean": 2.0}


def test_bad_modes_are_refused():
    """An unknown mode is a ValueError, a later one for a known metric a KeyError."""
    with pytest.raises(ValueError, match="median"):
        fed([1.0], ("median",))
    with pytest.raises(KeyError, match="same ones at every step"):
        fed([1.0], ("max",), start=fed([1.0], ("mean",)))


def test_a_mode_that_contains_a_known_one_is_taken_for_it():
    """``meanfoo`` is a mean, under its own postfix."""
    assert get_metrics(fed([1.0, 2.0], ("meanfoo",)))[1] == {"x_meanfoo": 1.5}


def test_reading_what_is_no_metric():
    """{} is fine, None is a TypeError, other entries pass through."""
    assert get_metrics({}) == (flax.core.freeze({}), {})
    with pytest.raises(TypeError, match="tree"):
        get_metrics(None)
    assert get_metrics({"a": jnp.ones(1), "b": "text"}, reset_metrics=False)[1] == {
        "a": 1.0,
        "b": "text",
    }


def test_reading_without_reset_returns_the_tree():
    """reset_metrics=False leaves the arrays as they are."""
    tree = fed([1.0])
    same, host = get_metrics(tree, reset_metrics=False)
    assert same == tree
    assert host == get_metrics(tree)[1]

"""Packing: values come home, zeros fit, nothing is recompiled or kept alive."""

import gc

import flax.core
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from podlog.worker.leaves import group_of
from podlog.worker.metrics import update_metrics
from podlog.worker.pack import pack_and_reset, pack_local
from podlog.worker.states import tree_states, value_states
from podlog.worker.values import Histogram, Mean, Table

MODES = ("mean", "max", "std", "single")


def make_step():
    def step(metrics, x):
        new = {f"k{i}": {"value": x + i, "log_modes": MODES} for i in range(3)}
        return update_metrics(metrics, new)

    return jax.jit(step, donate_argnums=0)


def values_of(packed):
    states, problems = tree_states(packed.fetch().tree)
    assert not problems
    return {s.metric.key: s.columns for s in states}


def zeros_from(step):
    shapes = jax.eval_shape(step, None, jnp.float32(0))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


def test_a_train_step_with_donated_metrics_compiles_once():
    """Zeros and running trees are one to the compiler, over several logging steps."""
    step = make_step()
    metrics = zeros_from(step)
    read = []
    for i in range(1, 13):
        metrics = step(metrics, jnp.float32(i))
        if i % 3 == 0:
            packed, metrics = pack_and_reset(metrics)
            read.append(packed)
    assert step._cache_size() == 1
    means = [values_of(packed)["k0_mean"] for packed in read]
    assert means == [(6.0, 3), (15.0, 3), (24.0, 3), (33.0, 3)]


@pytest.mark.parametrize("committed", [True, False])
def test_zeros_keep_type_sharding_and_commitment(committed):
    """Zeros have the structure, dtypes, weak types, shardings and commitment of the leaves."""
    device = jax.devices()[0]
    tree = {
        "strong": jnp.float32(1),
        "weak": jax.jit(lambda: 2.0)(),
        "narrow": jnp.array([1, 2], jnp.bfloat16),
        "flag": jnp.array([True, False]),
        "empty": jnp.zeros((0, 3)),
        "wide": jnp.uint32(2**32 - 1),
    }
    if committed:
        tree = jax.device_put(tree, device)
    packed, zeros = pack_and_reset(flax.core.freeze(tree))
    assert isinstance(zeros, flax.core.FrozenDict)
    for name, leaf in tree.items():
        zero = zeros[name]
        assert zero is not leaf
        assert (zero.aval, zero.sharding, zero.committed) == (
            leaf.aval,
            leaf.sharding,
            leaf.committed,
        )
        assert not np.asarray(zero).any()
    host = packed.fetch().tree
    np.testing.assert_array_equal(host["narrow"], [1, 2])
    np.testing.assert_array_equal(host["flag"], [True, False])
    assert host["flag"].dtype == np.bool_
    assert host["empty"].shape == (0, 3)
    assert host["wide"] == 2**32 - 1


def test_zeros_keep_a_named_sharding():
    """Leaves on a mesh get zeros with the same named sharding."""
    mesh = jax.make_mesh((1,), ("data",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    leaf = jax.device_put(jnp.arange(4.0), sharding)
    packed, zeros = pack_and_reset({"x": leaf, "y": jnp.float32(2)})
    assert zeros["x"].sharding == sharding
    assert not zeros["y"].committed
    np.testing.assert_array_equal(packed.fetch().tree["x"], [0, 1, 2, 3])


def test_zeros_are_fresh_each_time():
    """Zeros that were donated do not spoil the next ones."""
    tree = {"x": jnp.float32(1)}
    eat = jax.jit(lambda t: jax.tree.map(lambda x: x + 1, t), donate_argnums=0)
    for _ in range(3):
        _, zeros = pack_and_reset(tree)
        assert eat(zeros)["x"] == 1


@pytest.mark.parametrize("pack", [lambda t: pack_and_reset(t)[0], pack_local])
@pytest.mark.parametrize("shape", [(), (4,)])
def test_values_survive_the_donation_of_their_leaves(pack, shape):
    """A lone vector is copied too: donating it afterwards does not take the value."""
    leaf = jnp.ones(shape)
    packed = pack({"x": leaf})
    jax.jit(lambda x: x * 5, donate_argnums=0)(leaf)
    assert leaf.is_deleted()
    np.testing.assert_array_equal(packed.fetch().tree["x"], np.ones(shape))


def test_no_array_is_kept():
    """Once the packed values are gone, nothing of the calls is left on the device."""
    step = make_step()
    tree = step(zeros_from(step), jnp.float32(1))
    pack_and_reset(tree)[0].fetch()
    gc.collect()
    before = len(jax.live_arrays())
    for _ in range(20):
        packed, zeros = pack_and_reset(tree)
        packed.fetch()
        pack_local({"x": tree["k0"]["max"]["value"]}).fetch()
    del packed, zeros
    gc.collect()
    assert len(jax.live_arrays()) <= before


def test_host_leaves_are_copied_and_zeroed():
    """NumPy leaves are copied at the call; numbers become zeros of their type."""
    array = np.array([1.0, 2.0])
    packed, zeros = pack_and_reset({"a": {"mean": {"value": array, "count": 3}}, "b": 2.5})
    array[:] = 9
    assert packed.fetch().tree["a"]["mean"]["value"].tolist() == [1, 2]
    assert zeros["a"]["mean"]["value"].tolist() == [0, 0]
    assert zeros["a"]["mean"]["count"] == 0
    assert zeros["b"] == 0.0


@pytest.mark.parametrize("times", [1, 3])
def test_bad_leaves_are_problems_and_the_rest_is_read(times):
    """A deleted array and a key are named with their reason, call after call."""
    for _ in range(times):
        gone = jnp.ones(2)
        gone.delete()
        tree = {
            "gone": {"mean": {"value": gone, "count": jnp.int32(1)}},
            "key": jax.random.key(0),
            "good": {"mean": {"value": jnp.float32(2), "count": jnp.int32(1)}},
        }
        packed, zeros = pack_and_reset(tree)
        fetched = packed.fetch()
        reasons = {problem.key: problem.reason for problem in fetched.problems}
        assert set(reasons) == {"gone/mean", "key"}
        assert "donated" in reasons["gone/mean"]
        assert "key" in reasons["key"]
        assert set(fetched.tree) == {"good"}
        assert zeros["key"] is tree["key"]
        assert zeros["good"]["mean"]["value"] == 0


def test_a_deleted_leaf_of_a_known_tree_is_found():
    """The plan of a tree that was packed before does not hide a deleted leaf."""
    tree = {"x": jnp.float32(1), "y": jnp.float32(2)}
    pack_and_reset(tree)
    tree["x"].delete()
    fetched = pack_and_reset(tree)[0].fetch()
    assert [problem.key for problem in fetched.problems] == ["x"]
    assert fetched.tree == {"y": 2.0}


def test_tracers_are_problems():
    """Logging inside jit is refused by name and breaks nothing."""
    seen = []

    @jax.jit
    def step(x):
        seen.extend(pack_and_reset({"x": x})[0].fetch().problems)
        seen.extend(pack_local({"y": x}).fetch().problems)
        return x

    step(jnp.float32(1))
    assert [problem.key for problem in seen] == ["x", "y"]
    assert all("tracer" in problem.reason for problem in seen)


def test_a_changed_tree_is_planned_anew():
    """Another shape, type or commitment under the same structure gives right values."""
    for leaf in (
        jnp.float32(1),
        jnp.ones(3),
        jnp.int32(4),
        jax.device_put(jnp.float32(5), jax.devices()[0]),
        jnp.float32(6),
    ):
        packed, zeros = pack_and_reset({"x": leaf})
        np.testing.assert_array_equal(packed.fetch().tree["x"], np.asarray(leaf))
        assert (zeros["x"].aval, zeros["x"].committed) == (leaf.aval, leaf.committed)


def test_local_packing_reaches_into_wrappers():
    """Device arrays in wrappers, lists and trees come home; the rest stays as it is."""
    array = np.arange(3)
    packed = pack_local(
        {
            "acc": Mean(jnp.int32(3), 4),
            "h": Histogram(values=jnp.arange(4.0), edges=np.array([0.0, 2.0, 4.0])),
            "t": Table(["a"], [[jnp.float32(1)], [2]]),
            "tree": {"mean": {"value": jnp.float32(1), "count": 1}},
            "array": array,
            "text": "hello",
        }
    )
    array[:] = 7
    tree = packed.fetch().tree
    assert tree["acc"] == Mean(3, 4)
    assert tree["t"] == Table(["a"], [[1.0], [2]])
    assert tree["tree"]["mean"]["value"] == 1.0
    assert tree["array"].tolist() == [0, 1, 2]
    assert tree["text"] == "hello"
    states, problems = value_states({k: v for k, v in tree.items() if k != "tree"}, {})
    assert len(states) == 5
    assert not problems


def test_an_array_of_this_process_has_no_group():
    """group_of is empty for what no other process holds."""
    assert group_of(jnp.ones(3)) == ()
    assert pack_and_reset({"x": jnp.ones(3)})[0].fetch().replicas == {}

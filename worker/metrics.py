"""The train-step tree: metrics that are summed up on the device between logging steps.

::

    {key: {log_mode: {"value": …, "count": …[, "value2": …]}}}

A count of 0 marks an empty state, so a tree of zeros is both a start and a
reset. What the leaves hold:

=================================  ==================  =======  ==================
modes                              value               count    value2
=================================  ==================  =======  ==================
mean, mean_nopostfix, sum          sum of values       sum      extras (`tally`)
max, min                           extreme value       updates
std                                mean of values      updates  sum of squared deviations
single, single_noreduce(_wcount)   the last value      the last
=================================  ==================  =======  ==================

`update_metrics` and `aggregate_metrics` work inside and outside of ``jit``;
outside, Python and NumPy numbers are summed in 64 bits.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import flax.core
import jax
import jax.numpy as jnp
import numpy as np

from . import pack, tally
from .states import local_values, tree_states

_log = logging.getLogger(__name__)

DEFAULT_LOG_MODES = ("mean_nopostfix",)

_SUMS = frozenset({"mean", "mean_nopostfix", "sum"})
_MAX_UPDATES = (1 << 31) - 1


def update_metrics(
    global_metrics: Mapping[str, Any] | None,
    step_metrics: Mapping[str, Any],
    default_log_modes: Sequence[str] | None = None,
) -> flax.core.FrozenDict[str, Any]:
    """Adds the metrics of one step.

    Args:
        global_metrics: the tree so far; None starts a new one.
        step_metrics: ``{key: value}`` or ``{key: {"value": …, "count": 1,
            "log_modes": …}}``. For a mean, `value` is a sum over `count` samples.
        default_log_modes: for metrics without ``log_modes``.

    Returns:
        The new tree; its structure does not depend on whether there was one.

    Raises:
        KeyError: a known metric with a mode that it did not start with.
        ValueError: an unknown mode.
    """
    with np.errstate(all="ignore"):
        return flax.core.freeze(_updated(global_metrics, step_metrics, default_log_modes))


def _updated(
    global_metrics: Mapping[str, Any] | None,
    step_metrics: Mapping[str, Any],
    default_log_modes: Sequence[str] | None,
) -> dict[str, Any]:
    tree = {key: dict(entry) for key, entry in (global_metrics or {}).items()}
    for key, step in step_metrics.items():
        entry = step if isinstance(step, Mapping) else {"value": step}
        log_modes = entry.get("log_modes", default_log_modes or DEFAULT_LOG_MODES)
        modes = (log_modes,) if isinstance(log_modes, str) else tuple(log_modes)
        known = tree.setdefault(key, {})
        new = {mode: _first(mode, entry["value"], entry.get("count", 1)) for mode in modes}
        if known and not new.keys() <= known.keys():
            raise KeyError(
                f"metric {key!r} started with log modes {sorted(known)}, now come {sorted(new)}: "
                "give it the same ones at every step"
            )
        for mode, state in new.items():
            known[mode] = _combined(mode, known[mode], state) if mode in known else state
    return tree


def aggregate_metrics(*trees: Any) -> flax.core.FrozenDict[str, Any]:
    """Trees as one, as if their updates had been made to one tree in turn.

    Args:
        *trees: trees, or one sequence of trees; None and ``{}`` count as empty.
    """
    if len(trees) == 1 and isinstance(trees[0], list | tuple):
        trees = tuple(trees[0])
    result: dict[str, dict[str, Any]] = {}
    for tree in trees:
        for key, entry in (tree or {}).items():
            known = result.setdefault(key, {})
            for mode, state in entry.items():
                with np.errstate(all="ignore"):
                    both = _combined(mode, known[mode], state) if mode in known else dict(state)
                known[mode] = both
    return flax.core.freeze(result)


def get_metrics(
    metrics: Mapping[str, Any], reset_metrics: bool = True
) -> tuple[flax.core.FrozenDict[str, Any], dict[str, Any]]:
    """Reads a tree, waiting for the device.

    Args:
        metrics: the tree.
        reset_metrics: whether zeros are returned in its place.

    Returns:
        The tree (or fresh zeros of the same types and shardings), and host
        values by key and mode: Python scalars, arrays, tuples of arrays. Empty
        metrics are absent. An entry that is no mapping passes through.

    Raises:
        TypeError: `metrics` is None.
    """
    if metrics is None:
        raise TypeError("get_metrics needs a metrics tree; {} is an empty one")

    packed, zeros = (
        pack.pack_and_reset(metrics) if reset_metrics else (pack.pack_local(metrics), None)
    )
    fetched = packed.fetch()
    through = {k: v for k, v in fetched.tree.items() if not isinstance(v, Mapping)}
    states, problems = tree_states({k: v for k, v in fetched.tree.items() if k not in through})
    for problem in (*fetched.problems, *problems):
        _log.warning("metric %s is left out: %s", problem.key, problem.reason)
    host: dict[str, Any] = dict(local_values(states))
    for key, value in through.items():
        one = isinstance(value, np.ndarray | np.generic) and value.size == 1
        host[key] = value.item() if one else value
    return flax.core.freeze(metrics if zeros is None else zeros), host


def _first(log_mode: str, value: Any, count: Any) -> dict[str, Any]:
    """The state of a single update."""
    base = tally.base_mode(log_mode)
    xp = jnp if isinstance(value, jax.Array) or isinstance(count, jax.Array) else np
    value, count = _typed(xp, value), _typed(xp, count)
    if base in _SUMS:
        zero_value, zero_count = xp.zeros_like(value), xp.zeros_like(count)
        return {"value": value, "count": count, "value2": _extras(xp, zero_value, zero_count)}
    if base in ("max", "min", "std"):
        mean = xp.where(count == 0, 0, value / xp.where(count == 0, 1, count))
        state = {"value": mean, "count": (count != 0).astype(count.dtype)}
        return state | {"value2": xp.zeros_like(mean)} if base == "std" else state
    return {"value": value, "count": count}


def _typed(xp: Any, value: Any) -> Any:
    if xp is np:
        given = np.asarray(value)
        return given.astype(np.int64 if given.dtype.kind in "biu" else np.float64)[()]
    array = jnp.asarray(value)
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array.astype(jnp.promote_types(array.dtype, jnp.float32))
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise ValueError(f"a metric of {array.dtype}: log its parts or its absolute value")
    return array.astype(
        jnp.int64 if array.dtype.itemsize == 8 and not array.weak_type else jnp.int32
    )


def _extras(xp: Any, of_value: Any, of_count: Any) -> Any:
    return xp.stack(xp.broadcast_arrays(of_value, of_count))


def _combined(log_mode: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """The state after that of `a` and then that of `b`; either may be empty."""
    base = tally.base_mode(log_mode)
    leaves = (*a.values(), *b.values())
    xp = jnp if any(isinstance(leaf, jax.Array) for leaf in leaves) else np
    if base in _SUMS:
        return _summed(xp, a, b)
    if base == "std":
        return _spread(xp, a, b)
    if base in ("max", "min"):
        extreme = (xp.maximum if base == "max" else xp.minimum)(a["value"], b["value"])
        value = xp.where(a["count"] == 0, b["value"], extreme)
        value = xp.where(b["count"] == 0, a["value"], value)
        return {"value": value, "count": _updates(xp, a["count"], b["count"])}
    if base == "single":
        kept = b["count"] == 0
        return {name: xp.where(kept, a[name], b[name]) for name in ("value", "count")}
    return dict(b)


def _summed(xp: Any, a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    if "value2" not in a:
        return {name: a[name] + b[name] for name in ("value", "count")}

    (value_a, count_a), (value_b, count_b) = a["value2"], b.get("value2", (0, 0))
    value, of_value = tally.add(xp, a["value"], value_a, b["value"])
    count, of_count = tally.add(xp, a["count"], count_a, b["count"])
    extras = _extras(xp, of_value + value_b, of_count + count_b)
    return {"value": value, "count": count, "value2": extras.astype(a["value2"].dtype)}


def _spread(xp: Any, a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    count = _updates(xp, a["count"], b["count"])
    share = b["count"] / xp.maximum(count, 1)
    delta = xp.where(b["count"] == 0, 0, b["value"] - a["value"])
    return {
        "value": a["value"] + delta * share,
        "count": count,
        "value2": a["value2"] + b["value2"] + delta * delta * (a["count"] * share),
    }


def _updates(xp: Any, a: Any, b: Any) -> Any:
    """The sum of two counts, kept at the greatest int32."""
    return xp.where(a > _MAX_UPDATES - b, _MAX_UPDATES, a + b).astype(xp.result_type(a))

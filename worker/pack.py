"""Metrics off the device: one jitted call a device set, and fresh zeros in it.

`pack_and_reset` serves logging steps. It runs a program over the leaves' own
devices without any communication between processes; every process calls it
for the same step, on the thread that runs the train step. `pack_local` serves
calls that a single process may make: it touches this process's copies only.

Both return at once with a `Packed`; its arrays are new, so the leaves may be
donated afterwards.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax

from . import leaves as lv
from .columns import BadValueError, Group
from .fetched import Fetched, Path, assemble
from .inputs import said, said_error
from .states import Problem
from .vectors import Packer, Slot
from .walk import Walk, filled, name

_PLANS = 64
_NOTHING = "None: leave a metric out where it has no value"

_plans: "collections.OrderedDict[Any, _Plan]" = collections.OrderedDict()


@dataclasses.dataclass(frozen=True, slots=True)
class Packed:
    """Metrics on their way to the host; made by this module only."""

    vectors: Sequence[tuple[Packer, Sequence[jax.Array]]]
    host: Mapping[int, Any]
    build: Callable[[Mapping[int, Any]], dict[str, Any]]
    replicas: Mapping[Path, Group]
    problems: Sequence[tuple[Path, Problem]]

    def fetch(self) -> Fetched:
        """Waits for the device and reads this process's copy. Thread-safe.

        Raises:
            Exception: whatever the device or its runtime failed with.
        """
        values = dict(self.host)
        for packer, vectors in self.vectors:
            values.update(packer.unpack(vectors))
        return assemble(self.build(values), self.replicas, self.problems)


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """What `pack_and_reset` does with trees of one structure and signature.

    An empty signature marks a plan for this one tree only.
    """

    signature: tuple[Any, ...]
    whole: bool  # one packer takes all leaves in their order
    packers: tuple[Packer, ...]
    host: tuple[int, ...]
    build: Callable[[Mapping[int, Any]], dict[str, Any]]
    replicas: dict[Path, Group]
    problems: tuple[tuple[Path, Problem], ...]


def pack_and_reset(tree: Any) -> tuple[Packed, Any]:
    """Packs a train-step tree and makes zeros to go on with.

    Never waits for the device and never raises for a bad leaf, which becomes a
    problem and comes back as it is (or zeroed, if it spans processes).

    Args:
        tree: nested mappings of arrays and numbers.

    Returns:
        The values on their way, and a tree of the same structure whose leaves
        are zeros of the same shape, type, sharding and commitment, fresh each time.
    """
    try:
        return _packed(tree)
    except Exception:
        return _salvaged(tree)


def _packed(tree: Any) -> tuple[Packed, Any]:
    """`pack_and_reset`, and raises for an entry that cannot be taken."""
    if not isinstance(tree, Mapping):
        raise TypeError(f"{type(tree).__name__} in place of the tree of update_metrics")
    leaves, treedef = jax.tree.flatten(tree)
    signature = _signature(leaves)
    plan = _plans.get(treedef) if signature else None
    if plan is not None and plan.signature == signature:
        try:
            return _run(plan, leaves, treedef)
        except (RuntimeError, ValueError):  # a deleted leaf: find out which, and say so
            pass

    plan = _planned(tree, signature)
    if plan.signature:
        _plans[treedef] = plan
        _plans.move_to_end(treedef)
        if len(_plans) > _PLANS:
            _plans.popitem(last=False)
    return _run(plan, leaves, treedef)


def _salvaged(tree: Any) -> tuple[Packed, Any]:
    """Packs the entries that can be packed alone; the others become problems."""
    good, problems = {}, []
    for key in tree if isinstance(tree, Mapping) else ():
        try:
            if not isinstance(key, str):
                raise BadValueError(f"a key of type {type(key).__name__}: keys are strings")
            _packed({key: tree[key]})
            good[key] = tree[key]
        except Exception as error:
            problems.append(((key,), Problem(said(key), said_error(error))))
    try:
        packed, zeros = _packed(good if isinstance(tree, Mapping) else tree)
        whole = {**tree, **zeros}
        whole = whole if isinstance(tree, dict) else type(tree)(whole)
        return dataclasses.replace(packed, problems=[*packed.problems, *problems]), whole
    except Exception as error:
        problem = Problem("", said_error(error))
        return Packed((), {}, lambda _: {}, {}, [*problems, (("",), problem)]), tree


def _signature(leaves: Sequence[Any]) -> tuple[Any, ...]:
    """What a plan depends on beside the structure; () unless all are device arrays."""
    try:
        return (
            [leaf.aval for leaf in leaves],
            [leaf.sharding for leaf in leaves],
            [leaf.committed for leaf in leaves],
        )
    except Exception:
        return ()


def _run(plan: _Plan, leaves: list[Any], treedef: Any) -> tuple[Packed, Any]:
    if plan.whole:
        packed, zeros = plan.packers[0].call(leaves)
        vectors = ((plan.packers[0], packed),)
        return Packed(vectors, {}, plan.build, plan.replicas, plan.problems), treedef.unflatten(
            zeros
        )

    return _run_parts(plan, leaves, treedef)


def _run_parts(plan: _Plan, leaves: list[Any], treedef: Any) -> tuple[Packed, Any]:
    zeros = list(leaves)
    host = {i: lv.held(leaves[i]) for i in plan.host}
    for i in plan.host:
        zeros[i] = lv.zero(leaves[i])
    vectors = []
    for packer in plan.packers:
        packed, fresh = packer.call([leaves[i] for i in packer.inputs])
        vectors.append((packer, packed))
        for i, leaf in zip(packer.inputs, fresh, strict=True):
            zeros[i] = leaf
    return Packed(vectors, host, plan.build, plan.replicas, plan.problems), treedef.unflatten(zeros)


def _planned(tree: Any, signature: tuple[Any, ...]) -> _Plan:
    named = [
        (tuple(e.key if hasattr(e, "key") else str(e) for e in path), leaf)
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree, is_leaf=_is_none)[0]
    ]
    problems = [(p[:2], Problem(name(p), _NOTHING)) for p, leaf in named if leaf is None]
    paths = [path for path, leaf in named if leaf is not None]
    leaves = [leaf for _, leaf in named if leaf is not None]
    sorted_out = [lv.sort_out(leaf) for leaf in leaves]
    slots: dict[Any, list[Slot]] = collections.defaultdict(list)
    host = []
    for i, (path, leaf, kind) in enumerate(zip(paths, leaves, sorted_out, strict=True)):
        if kind.reason:
            problems.append((path[:2], Problem(name(path), kind.reason)))
        if kind.device:
            slots[lv.device_group(leaf)].append(Slot(i, leaf, packed=not kind.reason))
        elif not kind.reason:
            host.append(i)

    lasting = all(kind.lasting for kind in sorted_out)
    packers = tuple(Packer(group, reset=True) for group in slots.values())
    return _Plan(
        signature if lasting else (),
        len(packers) == 1 and packers[0].inputs == tuple(range(len(leaves))),
        packers,
        tuple(host),
        lambda values: _nested(paths, values),
        _replicas((path[:2], kind.group) for path, kind in zip(paths, sorted_out, strict=True)),
        tuple(problems),
    )


def _is_none(leaf: Any) -> bool:
    return leaf is None


def _nested(paths: Sequence[Path], values: Mapping[int, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for i, path in enumerate(paths):
        if i in values:
            node = tree
            for name in path[:-1]:
                node = node.setdefault(name, {})
            node[path[-1]] = values[i]
    return tree


def _replicas(groups: Iterable[tuple[Path, Group]]) -> dict[Path, Group]:
    """The groups of states all of whose leaves have one and the same."""
    by_path: dict[Path, set[Group]] = collections.defaultdict(set)
    for path, group in groups:
        by_path[path].add(group)
    return {path: next(iter(g)) for path, g in by_path.items() if len(g) == 1 and g != {()}}


def pack_local(metrics: Mapping[str, Any]) -> Packed:
    """Packs this process's copies; any process may call it alone.

    Never waits for the device. Host arrays are copied.

    Args:
        metrics: numbers, arrays, wrappers of `podlog.worker.values`, or nested
            mappings of these, such as a train-step tree.
    """
    found = Walk()
    skeleton = found.over(metrics)
    slots: dict[Any, list[Slot]] = collections.defaultdict(list)
    for i, leaf in found.arrays.items():
        slots[lv.device_group(leaf)].append(Slot(i, leaf, packed=True))
    vectors = []
    for group in slots.values():
        packer = Packer(group, reset=False)
        vectors.append((packer, packer.call([slot.leaf for slot in group])[0]))
    return Packed(
        vectors,
        {},
        lambda values: {key: filled(value, values) for key, value in skeleton.items()},
        _replicas(found.groups),
        found.problems,
    )

"""Metrics on the host, as the fetch thread gets them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from .columns import Group
from .states import Problem

Path = tuple[Any, ...]
"""(key, log mode) in nested mappings, (key,) else."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fetched:
    """Metrics on the host.

    Attributes:
        tree: plain nested dicts with NumPy arrays (Python numbers, where the
            shape is ()) in place of device arrays; what has a problem is not in it.
        replicas: the processes that hold a state, if several do.
        problems: why something is left out, one an entry.
    """

    tree: dict[str, Any]
    replicas: Mapping[Path, Group]
    problems: tuple[Problem, ...]


def assemble(
    tree: dict[str, Any], replicas: Mapping[Path, Group], problems: Sequence[tuple[Path, Problem]]
) -> Fetched:
    """`tree` without the entries that have problems; it is changed in place."""
    first: dict[Path, Problem] = {}
    for path, problem in problems:
        first.setdefault(path, problem)
    for path in first:
        entry = tree.get(path[0])
        if len(path) > 1 and isinstance(entry, dict):
            entry.pop(path[1], None)
        if len(path) == 1 or not entry:
            tree.pop(path[0], None)
    return Fetched(tree, replicas, tuple(first.values()))

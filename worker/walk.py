"""A walk over host metrics: what is on the device, what is copied, what cannot be."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from . import leaves as lv
from .columns import Group
from .fetched import Path
from .inputs import said, said_error
from .states import Problem
from .values import Wrapper


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where a device array stood."""

    index: int


class Walk:
    """What a walk over host metrics meets.

    Attributes:
        arrays: this process's copies of device arrays, by the number of their place.
        groups: the processes that hold what lies at a path.
        problems: what cannot be logged, and why.
    """

    def __init__(self) -> None:
        self.arrays: dict[int, jax.Array] = {}
        self.groups: list[tuple[Path, Group]] = []
        self.problems: list[tuple[Path, Problem]] = []

    def over(self, metrics: Any) -> dict[str, Any]:
        """`metrics` with host arrays copied and device arrays taken out; never raises."""
        if not isinstance(metrics, Mapping):
            reason = f"{type(metrics).__name__} in place of a mapping of metrics by key"
            self.problems.append((("",), Problem("", reason)))
            return {}
        skeleton = {}
        for key, value in metrics.items():
            try:
                skeleton[key] = self._walk(value, (key,))
            except Exception as error:
                self.problems.append(((key,), Problem(said(key), said_error(error))))
        return skeleton

    def _walk(self, value: Any, path: Path) -> Any:
        if isinstance(value, float | int | str):
            self.groups.append((path[:2], ()))
            return value
        if isinstance(value, Mapping):
            return {key: self._walk(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._walk(inner, path) for inner in value]
        if isinstance(value, Wrapper):
            fields = (getattr(value, f.name) for f in dataclasses.fields(value))
            return type(value)(*(self._walk(inner, path) for inner in fields))

        kind = lv.sort_out(value)
        self.groups.append((path[:2], kind.group))
        if kind.reason:
            self.problems.append((path[:2], Problem(name(path), kind.reason)))
            return None
        if not kind.device:
            return lv.held(value)
        index = len(self.arrays)
        self.arrays[index] = lv.local(value)
        return _Place(index)


def filled(value: Any, arrays: Mapping[int, Any]) -> Any:
    """What `Walk.over` made, with `arrays` at their places."""
    if isinstance(value, _Place):
        return arrays[value.index]
    if isinstance(value, dict):
        return {key: filled(inner, arrays) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, arrays) for inner in value]
    if isinstance(value, Wrapper):
        fields = (getattr(value, f.name) for f in dataclasses.fields(value))
        return type(value)(*(filled(inner, arrays) for inner in fields))
    return value


def name(path: Path) -> str:
    """A metric's name in a message: its key and log mode."""
    return "/".join(map(said, path[:2]))

"""A dataclass from plain data, each value read by the type of its field."""

import contextlib
import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, TypeVar

from .errors import ConfigError
from .scalars import (
    SCALARS,
    misfit,
    read_as_is,
    read_class,
    read_enum,
    read_literal,
    read_repr,
    read_scalar,
)

HIDDEN = "***"
"""What `to_dict` writes in the place of a secret; read as not given."""

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, slots=True)
class Parser:
    """How to read.

    Attributes:
        strict: names that are no field are refused, else ignored.
        none_to_zero_for_ints: None for an ``int`` means 0.
    """

    strict: bool = False
    none_to_zero_for_ints: bool = False

    def config(self, config_class: type[_T], data: Mapping[str, Any], where: str = "") -> _T:
        """A `config_class` from values by field name.

        Raises:
            ConfigError: a value does not fit, one is missing, or, if strict,
                one is unknown.
        """
        where = where or config_class.__name__
        if not dataclasses.is_dataclass(config_class) or not isinstance(data, Mapping):
            raise ConfigError(f"{where}: {data!r} is not the fields of a {config_class}")

        fields = {f.name: f for f in dataclasses.fields(config_class) if f.init}
        unknown = [name for name in data if name not in fields]
        if unknown and self.strict:
            raise ConfigError(f"{where} has no {unknown[0]!r}; it has {', '.join(fields)}")

        hints = _hints(config_class)
        values = {
            name: self.value(hints[name], data[name], f"{where}.{name}")
            for name in fields
            if name in data and data[name] != HIDDEN
        }
        try:
            return config_class(**values)
        except TypeError as error:
            raise ConfigError(f"{where}: {error}") from error

    def value(self, hint: Any, value: Any, where: str) -> Any:
        """`value` as the type `hint`; `where` names it in errors.

        Raises:
            ConfigError: it does not fit.
        """
        origin = typing.get_origin(hint)
        args = typing.get_args(hint)
        if origin is typing.Annotated:
            return self.value(args[0], value, where)
        if origin in (typing.Union, types.UnionType):
            return self._union(args, value, where)
        if origin is typing.Literal:
            return read_literal(args, value, where)
        if origin is type or hint is type:
            return read_class(value, where)

        kind = origin or hint
        if not isinstance(kind, type) or kind in (Any, object):  # or a TypeVar, a forward reference
            return value
        if kind in SCALARS:
            if kind is int and value is None and self.none_to_zero_for_ints:
                return 0
            return read_scalar(kind, value, where)
        if dataclasses.is_dataclass(kind):
            return self._nested(kind, value, where)
        if issubclass(kind, enum.Enum):
            return read_enum(kind, value, where)
        if issubclass(kind, Mapping | Sequence | Set):
            return self._container(kind, args, value, where)
        return read_as_is(kind, value, where)

    def _union(self, args: tuple[Any, ...], value: Any, where: str) -> Any:
        if value is None and self.none_to_zero_for_ints and int in args and type(None) not in args:
            return 0
        # What fits as it is wins over what can be converted; text is last, as all can be text;
        # of two configs the one that has all the names.
        for hint in args:
            if type(value) is hint:
                return value
        hints = sorted(args, key=lambda hint: hint is str and not isinstance(value, str))
        for parser in (dataclasses.replace(self, strict=True), self):
            for hint in hints:
                with contextlib.suppress(ConfigError):
                    return parser.value(hint, value, where)
        raise misfit(where, value, " | ".join(getattr(a, "__name__", str(a)) for a in args))

    def _nested(self, kind: type[Any], value: Any, where: str) -> Any:
        if isinstance(value, kind):
            return value
        if isinstance(value, str):
            value = read_repr(kind, value, where)
        return self.config(kind, value, where)

    def _container(self, kind: type[Any], args: tuple[Any, ...], value: Any, where: str) -> Any:
        if issubclass(kind, Mapping):
            if not isinstance(value, Mapping):
                raise misfit(where, value, "mapping")
            of_key, of_value = args or (Any, Any)
            return {
                self.value(of_key, k, where): self.value(of_value, v, f"{where}[{k!r}]")
                for k, v in value.items()
            }
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence | Set):
            raise misfit(where, value, kind.__name__)

        items = list(value)
        hints = list(args) or [Any]
        if kind is tuple and args and args[-1] is not Ellipsis:
            if len(items) != len(hints):
                raise misfit(where, value, f"tuple of {len(hints)}")
        else:
            hints = [hints[0]] * len(items)
        made = [
            self.value(hint, item, f"{where}[{i}]")
            for i, (hint, item) in enumerate(zip(hints, items, strict=True))
        ]
        return made if kind in (list, Sequence) else _CONTAINERS.get(kind, list)(made)


_CONTAINERS: dict[type, Callable[[list[Any]], Any]] = {
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    Set: frozenset,
}


def _hints(config_class: type[Any]) -> dict[str, Any]:
    """Types by field; where a written annotation cannot be resolved, Any."""
    try:
        return typing.get_type_hints(config_class, include_extras=True)
    except (NameError, TypeError):
        return {
            f.name: Any if isinstance(f.type, str) else f.type
            for f in dataclasses.fields(config_class)
        }

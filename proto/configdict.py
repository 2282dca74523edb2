"""`ConfigDict`, the base of all configs, and `jsonable`, which writes anything.

What both give holds only dicts with text keys, lists (`ConfigDict.to_dict`:
tuples), text, numbers, booleans and None, so that any JSON or YAML writer takes
it. A NaN is ``"NaN"``, infinities are ``"Infinity"`` and ``"-Infinity"``.

Secrets are written as `HIDDEN`: a field with metadata ``{"secret": True}``; a
field with text whose name ends in ``_key`` or ``_token``, unless its metadata says
``{"secret": False}``; in a mapping, text under ``api_key``, ``access_token`` and
the like (not ``eos_token``). Paths of key files are not secrets.
"""

import argparse
import dataclasses
import enum
import functools
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import PurePath
from typing import Any, TypeVar

import numpy as np

from .codec import safe_text
from .floats import json_float
from .parse import HIDDEN, Parser

_SECRET_FIELDS = ("_key", "_token")
_SECRET_ITEMS = tuple(
    f"{word}_{what}"
    for word in ("wb", "api", "secret", "access", "private", "auth")
    for what in ("key", "token")
)
_MAX_DEPTH = 50
_MAX_ARRAY = 1000
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")

_T = TypeVar("_T")


@dataclasses.dataclass(kw_only=True)
class ConfigDict:
    """Base of configs; subclasses are dataclasses, plain or keyword-only."""

    def to_dict(self) -> dict[str, Any]:
        """All attributes in order, JSON-able throughout, without secrets.

        Configs inside recurse, lists and tuples become tuples, paths posix
        text, classes and functions ``"module.Name"``. Never raises.
        """
        return _Walk(tuple, inside=self).attributes(self)

    def get(self, key: str, default: Any = None) -> Any:
        """The attribute `key`, or `default`."""
        return getattr(self, key, default)

    @staticmethod
    def from_dict(
        config_class: type[_T],
        data: Mapping[str, Any],
        *,
        strict: bool = False,
        none_to_zero_for_ints: bool = False,
    ) -> _T:
        """A config from what `to_dict` gave, or from JSON, YAML or OmegaConf.

        Args:
            config_class: the dataclass to make.
            data: values by field name; text is parsed by the field's type.
            strict: refuse names that are no field; else they are ignored.
            none_to_zero_for_ints: None for an ``int`` means 0, at any depth.

        Raises:
            ConfigError: a value does not fit its field; the message names it.
        """
        return Parser(strict, none_to_zero_for_ints).config(config_class, data)


def jsonable(value: Any) -> Any:
    """`value` as a JSON-able object that a person can read; never raises.

    Objects with ``to_dict`` are asked for it; other dataclasses, named tuples
    and mappings become dicts. A reference to something it lies in is
    ``"<cycle>"``. Arrays of jax are described and never fetched.
    """
    return _Walk(list).value(value)


class _Walk:
    """One conversion: what sequences become, and the ids it is inside of."""

    def __init__(self, sequence: Callable[[Iterator[Any]], Any], inside: Any = None) -> None:
        self._sequence = sequence
        self._inside = [id(inside)]

    def value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if id(value) in self._inside:
            return "<cycle>"
        if len(self._inside) >= _MAX_DEPTH:
            return "<too deep>"

        self._inside.append(id(value))
        try:
            return self._convert(value)
        except Exception:
            return f"<{type(value).__name__}>"
        finally:
            self._inside.pop()

    def attributes(self, obj: Any) -> dict[str, Any]:
        """The attributes of an object, secrets hidden by its fields' metadata."""
        fields = dataclasses.fields(obj) if dataclasses.is_dataclass(obj) else ()
        secret = {f.name: f.metadata["secret"] for f in fields if "secret" in f.metadata}
        values = dict(getattr(obj, "__dict__", {}))
        for field in fields:
            if hasattr(obj, field.name):
                values.setdefault(field.name, getattr(obj, field.name))

        def hidden(name: str) -> bool:
            by_name = _is_text(values[name]) and name.endswith(_SECRET_FIELDS)
            return bool(secret.get(name, by_name))

        return self._entries(values, hidden)

    def _convert(self, value: Any) -> Any:
        match value:
            case enum.Enum():
                return value.name
            case str():
                return safe_text(str(value))
            case int():
                return int(value) if value.bit_length() < 10_000 else hex(value)
            case float():
                return json_float(float(value))
            case PurePath():
                return safe_text(value.as_posix())
            case np.dtype():
                return value.name
            case np.generic():
                return self.value(value.item())
            case np.ndarray() if value.size <= _MAX_ARRAY and value.dtype.kind in "biufUS":
                return self.value(value.tolist())
            case bytes() | bytearray():
                return _bytes_text(bytes(value))
            case type():
                return _name(value)
            case ConfigDict() if type(value).to_dict is ConfigDict.to_dict:
                return self.attributes(value)
        return self._convert_object(value)

    def _convert_object(self, value: Any) -> Any:
        to_dict = getattr(value, "to_dict", None)
        if callable(to_dict):
            try:
                return self.value(to_dict())
            except Exception:  # not the to_dict of a config
                return self._convert_plain(value)
        return self._convert_plain(value)

    def _convert_plain(self, value: Any) -> Any:
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self._mapping(dict(zip(value._fields, value, strict=True)))
        if isinstance(value, Mapping):
            return self._mapping(_items(value))
        if isinstance(value, Set):
            return self._sequence(map(self.value, sorted(value, key=_set_order)))
        if isinstance(value, Sequence):
            return self._sequence(map(self.value, value))
        if isinstance(value, functools.partial):
            return self._mapping(
                {"function": value.func, "args": value.args, "keywords": value.keywords}
            )
        if dataclasses.is_dataclass(value) or isinstance(value, _NAMESPACES):
            return self.attributes(value)
        return _describe(value)

    def _mapping(self, items: Mapping[Any, Any]) -> dict[str, Any]:
        def hidden(key: Any) -> bool:
            return _is_text(items[key]) and str(key).endswith(_SECRET_ITEMS)

        return self._entries(items, hidden)

    def _entries(self, items: Mapping[Any, Any], hidden: Callable[[Any], bool]) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for key, value in items.items():
            name = self._key(key)
            while name in entries:
                name += "'"
            secret = value is not None and hidden(key)
            entries[name] = HIDDEN if secret else self.value(value)
        return entries

    def _key(self, key: Any) -> str:
        text = self.value(key)
        return text if isinstance(text, str) else str(text)


_NAMESPACES = (types.SimpleNamespace, argparse.Namespace)


def _is_text(value: Any) -> bool:
    return isinstance(value, str | bytes)


def _items(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    """The items; one that cannot be read (OmegaConf's ``???``) says so."""
    items = {}
    for key in mapping:
        try:
            items[key] = mapping[key]
        except Exception as error:
            items[key] = f"<{type(error).__name__}>"
    return items


def _bytes_text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"
    return text if text.isprintable() else f"0x{data.hex()}"


def _set_order(value: Any) -> tuple[str, Any]:
    return type(value).__name__, repr(value)


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _describe(value: Any) -> str:
    """A readable line for anything, the same in every run if its repr allows."""
    try:
        if hasattr(value, "shape") and hasattr(value, "dtype"):
            return f"{value.dtype}[{','.join(map(str, value.shape))}]"
        if callable(value) and hasattr(value, "__qualname__"):
            return _name(value)
        return _ADDRESS.sub("", safe_text(str(value)))
    except Exception:
        return f"<{type(value).__name__}>"

"""Single values of a config from text or plain data, by their type.

All raise `ConfigError` for what does not fit.
"""

import ast
import enum
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import ConfigError

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_CLASS = re.compile(r"(?:<class ')?([A-Za-z_][\w.]*)(?:'>)?")
_DTYPE = re.compile(r"(?:jax\.numpy|jnp|numpy|np|ml_dtypes)\.(bool|(?:u?int|b?float|complex)[\w]*)")


def misfit(where: str, value: Any, wanted: str) -> ConfigError:
    """The error for a value at `where` that is not what its field wants."""
    return ConfigError(f"{where}: {value!r} is not a {wanted}")


def _bool(value: Any) -> bool:
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError


def _int(value: Any) -> int:
    if isinstance(value, str) and value.strip().lstrip("+-").isdigit():
        return int(value)
    number = float(value)
    if number != int(number):
        raise ValueError
    return int(value) if isinstance(value, int) else int(number)


def _float(value: Any) -> float:
    if not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float | Path):
        raise TypeError
    text = str(value)
    dtype = _dtype_name(text)
    return text if dtype is None else dtype


def _path(value: Any) -> Path:
    return Path(value)


def _none(value: Any) -> None:
    if value is not None and value != "None":
        raise ValueError


SCALARS: dict[Any, Callable[[Any], Any]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _text,
    Path: _path,
    type(None): _none,
}


def read_scalar(kind: Any, value: Any, where: str) -> Any:
    """`value` as a bool, int, float, str, Path or None, exactly."""
    if type(value) is kind and kind is not str:
        return value
    try:
        return SCALARS[kind](value)
    except (ValueError, TypeError, OverflowError) as error:
        raise misfit(where, value, kind.__name__) from error


def _dtype_name(text: str) -> str | None:
    """``"bfloat16"`` for ``jax.numpy.bfloat16`` and ``<class 'jax.numpy.bfloat16'>``."""
    path = _CLASS.fullmatch(text)
    found = _DTYPE.fullmatch(path[1]) if path else None
    return found[1] if found else None


def read_literal(args: tuple[Any, ...], value: Any, where: str) -> Any:
    """The one of `args` that `value` is or is written as."""
    for allowed in args:
        if type(allowed) is type(value) and allowed == value:
            return allowed
    for allowed in args:
        if isinstance(value, str) and str(allowed) in (value, _dtype_name(value)):
            return allowed
    raise misfit(where, value, f"value of {list(args)}")


def read_enum(kind: type[enum.Enum], value: Any, where: str) -> enum.Enum:
    """The member with this name or value."""
    if isinstance(value, kind):
        return value
    for member in kind:
        if value in (member.name, str(member)) or value == member.value:
            return member
    raise misfit(where, value, kind.__name__)


def read_as_is(kind: type[Any], value: Any, where: str) -> Any:
    """`value`, if it is a `kind` already."""
    if not isinstance(value, kind):
        raise misfit(where, value, kind.__name__)
    return value


def read_class(value: Any, where: str) -> Any:
    """The class at a path such as ``a.b.C`` or ``<class 'a.b.C'>``; imports its module."""
    if isinstance(value, type):
        return value
    path = _CLASS.fullmatch(value) if isinstance(value, str) else None
    module, _, name = path[1].rpartition(".") if path else ("", "", "")
    try:
        return getattr(importlib.import_module(module or "builtins"), name)
    except (ImportError, AttributeError) as error:
        raise misfit(where, value, "class that can be imported") from error


def read_repr(kind: type[Any], text: str, where: str) -> dict[str, Any]:
    """The fields in a repr such as ``A(a=5, b=B(c='x'))``; nothing is evaluated."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Call) and ast.unparse(tree.func).split(".")[-1] == kind.__name__:
            return {str(k.arg): _read_node(k.value) for k in tree.keywords}
    except (SyntaxError, ValueError, RecursionError) as error:
        raise misfit(where, text, kind.__name__) from error
    raise misfit(where, text, kind.__name__)


def _read_node(node: ast.expr) -> Any:
    match node:
        case ast.Call(func, [ast.Constant(value)], []) if ast.unparse(func).endswith("Path"):
            return value
        case ast.Call():
            return ast.unparse(node)
        case ast.List(items) | ast.Tuple(items):
            return [_read_node(item) for item in items]
        case ast.Dict(keys, values) if None not in keys:
            return {_read_node(k): _read_node(v) for k, v in zip(keys, values, strict=True) if k}
        case ast.Name("nan" | "inf" as name):
            return float(name)
    return ast.literal_eval(node)

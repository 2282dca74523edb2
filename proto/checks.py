"""Checks that configs make of their own fields."""

from pathlib import Path
from typing import Any

from .errors import ConfigError


def at_least(smallest: float, config: Any, *names: str) -> None:
    """Raises `ConfigError` unless each field is a number of at least `smallest`."""
    for name in names:
        value = getattr(config, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not value >= smallest:
            raise ConfigError(
                f"{type(config).__name__}.{name} is {value!r}: use a number >= {smallest}"
            )


def one_of(config: Any, name: str, allowed: tuple[str, ...]) -> None:
    """Raises `ConfigError` unless the field is one of the words allowed."""
    value = getattr(config, name)
    if value not in allowed:
        raise ConfigError(
            f"{type(config).__name__}.{name} is {value!r}: use one of {', '.join(allowed)}"
        )


def as_path(config: Any, *names: str) -> None:
    """Makes a `Path` of each field that holds text."""
    for name in names:
        value = getattr(config, name)
        if isinstance(value, str):
            setattr(config, name, Path(value))

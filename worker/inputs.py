"""What a training loop passes in, made fit to travel: steps, modes, texts."""

import operator
from typing import Any

from ..proto.codec import safe_text
from .columns import BadValueError

_MAX_CHARS = 2000
FIRST_STEP = -(1 << 63)
LAST_STEP = (1 << 63) - 1


def as_step(step: Any) -> int:
    """`step` as an int, be it one of NumPy's, a whole float or an array of size one.

    Raises:
        Exception: it is no whole number, or outside int64.
    """
    if getattr(step, "size", None) == 1 and hasattr(step, "item"):
        step = step.item()
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    if not hasattr(step, "__index__"):
        raise BadValueError(f"a step must be a whole number, not {said(step)}")
    number = operator.index(step)
    if not FIRST_STEP <= number <= LAST_STEP:
        raise BadValueError("a step must fit into 64 bits")
    return number


def as_text(value: Any) -> str:
    """A mode, key or status as a text that can travel; never raises."""
    if type(value) is str:
        return safe_text(value)
    return safe_text(str.__str__(value)) if isinstance(value, str) else said(value)


def said(value: Any) -> str:
    """`value` for people, cut where it is long; never raises."""
    try:
        if not isinstance(value, str):
            value = str(value) if isinstance(value, BaseException) else repr(value)
        text = safe_text(str.__str__(value))
    except Exception:
        return f"<{type(value).__name__}>"
    return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]} …"


def said_error(error: BaseException) -> str:
    """Kind and message of an error; never raises."""
    if isinstance(error, BadValueError):
        return said(error)
    return f"{type(error).__name__}: {said(error)}"

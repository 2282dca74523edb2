"""Values and texts in a few characters, for a line on a terminal."""

import math
from typing import Any

_TIMES = ("step_time", "epoch_time")


def short(key: str, value: Any) -> str:
    """A value in a few characters; ``*_time`` of the Logger with its unit."""
    if isinstance(value, float) and key in _TIMES and math.isfinite(value):
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.4g} s"
    if isinstance(value, float):
        return f"{value:.5g}"
    return one_line(str(value))


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, cut to 80 characters."""
    safe = "".join(c if c.isprintable() else "�" for c in text[:80])
    return safe + "…" if len(text) > 80 else safe

"""Floats in strict JSON, which knows neither NaN nor infinity: those become strings."""

import math

_TEXTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def json_float(value: float) -> float | str:
    """A finite `value` itself; ``"NaN"``, ``"Infinity"`` or ``"-Infinity"`` for the others."""
    if math.isfinite(value):
        return float(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def float_of(text: str) -> float | str:
    """The float that `json_float` wrote as this string; other strings stay."""
    return _TEXTS.get(text, text)

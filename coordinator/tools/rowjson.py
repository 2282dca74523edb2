"""Rows as strict JSON: what `FileLogger` and ``podlog export`` write.

Strict means that every parser reads it: NaN and the infinities become the
strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, never bare constants.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...proto.floats import json_float
from ...proto.records import Op
from ...proto.rows import Histogram, Media, PerProcess, Row

INFO = "_podlog"
"""The one key of a row that is no metric: who is in it and what it is."""

_RESERVED = re.compile(r"_+podlog")


def row_json(
    row: Row,
    *,
    step_key: str = "log_step",
    epoch_key: str = "log_epoch",
    names: Callable[[str], str] = str,
) -> dict[str, Any]:
    """The row as a mapping that ``json.dumps(allow_nan=False)`` takes.

    Holds the step and epoch, the metrics as tools are shown them, and `INFO`.

    Args:
        row: the row.
        step_key: name of the step; overrides a metric of that name.
        epoch_key: name of the epoch, likewise.
        names: maps the keys of metrics.
    """
    metrics = row.metrics if row.shown is None else row.shown
    named = {names(key): value for key, value in metrics.items()}
    return metrics_json(named, row.key.step, row.epoch, step_key=step_key, epoch_key=epoch_key) | {
        INFO: row_info(row)
    }


def metrics_json(
    metrics: Mapping[str, Any], step: int, epoch: int, *, step_key: str, epoch_key: str
) -> dict[str, Any]:
    """Step, epoch and metrics of a row, without `INFO`."""
    fixed = {step_key: step, epoch_key: epoch}
    shown = {
        json_name(key): json_value(value) for key, value in metrics.items() if key not in fixed
    }
    return fixed | shown


def row_info(row: Row) -> dict[str, Any]:
    """What a row says beside its metrics.

    ``min``, ``max`` and ``who`` (the process indices that hold them) are there
    for keys that more than one process gave; ``holders`` for keys that not
    all processes of the row gave; lists that are empty are left out, except
    for ``processes``, ``missing`` and ``absent``.
    """
    spreads = {key: s for key, s in row.spreads.items() if len(s.processes) > 1}
    partial = {
        key: list(s.processes) for key, s in row.spreads.items() if s.processes != row.processes
    }
    info: dict[str, Any] = {
        "attempt": row.key.attempt,
        "mode": row.key.mode,
        "step": row.key.step,
        "kind": row.key.kind.label,
        "n": row.key.n,
        "revision": row.revision,
        "time": row.time,
        "processes": list(row.processes),
        "missing": list(row.missing),
        "absent": list(row.absent),
    }
    if spreads:
        info["min"] = {key: json_value(s.min) for key, s in spreads.items()}
        info["max"] = {key: json_value(s.max) for key, s in spreads.items()}
        info["who"] = {key: [s.min_process, s.max_process] for key, s in spreads.items()}
    if partial:
        info["holders"] = partial
    if row.non_finite:
        info["non_finite"] = [
            {"process": f.process, "host": f.host, "key": f.key, "step": f.step, "nan": f.nan}
            for f in row.non_finite
        ]
    if row.flags:
        info["flags"] = list(row.flags)
    return info


def json_name(key: str) -> str:
    """The name of a metric in a JSON row: itself, unless it looks like `INFO`.

    Such a name gets one more underscore in front, so that unequal keys keep
    unequal names: `key_of` undoes it.
    """
    return "_" + key if _RESERVED.fullmatch(key) else key


def key_of(name: str) -> str:
    """The metric that `json_name` gave this name."""
    return name[1:] if _RESERVED.fullmatch(name) else name


def json_value(value: Any) -> Any:
    """A metric or a config value in strict JSON.

    Arrays become nested lists, a histogram its edges and counts, a text its
    string, another medium its kind and size, values kept side by side
    an object by process; what is none of these becomes its ``str``.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return json_float(value)
    if isinstance(value, np.ndarray | np.generic):
        return json_value(value.tolist()) if value.dtype.kind in "biufUOV" else str(value)
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return _json_record(value)


def dump_line(values: Mapping[str, Any]) -> bytes:
    """One line of a JSONL file: ASCII, with its newline.

    Raises:
        ValueError: `values` holds a NaN or an infinity as a number.
    """
    return json.dumps(values, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"


def _json_record(value: Any) -> Any:
    if isinstance(value, Histogram):
        return {"edges": json_value(value.edges), "counts": json_value(value.counts)}
    if isinstance(value, PerProcess):
        return {"per_process": {str(p): json_value(v) for p, v in value.values.items()}}
    if isinstance(value, Media) and value.op is Op.TEXT:
        return value.payload.decode(errors="replace")
    if isinstance(value, Media):
        return {"media": value.op.name.lower(), "bytes": len(value.payload)}
    return str(value)

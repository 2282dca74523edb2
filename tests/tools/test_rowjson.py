"""Rows as strict JSON."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.coordinator.tools.rowjson import (
    dump_line,
    json_name,
    json_value,
    key_of,
    row_json,
)
from podlog.proto.floats import float_of
from podlog.proto.records import Kind, Op
from podlog.proto.rows import Histogram, Media, NonFinite, PerProcess, Row, RowKey, Spread


def strict(line: bytes) -> Any:
    """Parses one line as a parser does that knows no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"not JSON: {constant}")

    return json.loads(line, parse_constant=refuse)


def test_row_names_its_identity_and_who_is_in_it() -> None:
    """A row of two of three processes says so beside its metrics."""
    row = Row(
        key=RowKey(2, "val", 40, Kind.EPOCH, 1),
        revision=1,
        epoch=3,
        time=12.5,
        metrics={"loss": 0.5, "only": 1},
        processes=(0, 2),
        missing=(1,),
        absent=(3,),
        spreads={"loss": Spread(0.25, 0.75, 2, 0, (0, 2)), "only": Spread(1, 1, 2, 2, (2,))},
        non_finite=(NonFinite(2, "b", "loss", 40, True),),
        flags=("late",),
    )
    assert strict(dump_line(row_json(row))) == {
        "log_step": 40,
        "log_epoch": 3,
        "loss": 0.5,
        "only": 1,
        "_podlog": {
            "attempt": 2,
            "mode": "val",
            "step": 40,
            "kind": "epoch",
            "n": 1,
            "revision": 1,
            "time": 12.5,
            "processes": [0, 2],
            "missing": [1],
            "absent": [3],
            "min": {"loss": 0.25},
            "max": {"loss": 0.75},
            "who": {"loss": [2, 0]},
            "holders": {"only": [2]},
            "non_finite": [
                {"process": 2, "host": "b", "key": "loss", "step": 40, "nan": True},
            ],
            "flags": ["late"],
        },
    }


def test_shown_metrics_take_the_place_of_merged_ones() -> None:
    """What metric_postprocess_fn gave is what is written."""
    row = Row(RowKey(1, "m", 1, Kind.STEP, 0), 0, 0, 0.0, {"a": 1}, shown={"b": 2})
    assert {"b": 2}.items() <= row_json(row).items()
    assert "a" not in row_json(row)


def test_step_and_epoch_override_metrics_of_their_names() -> None:
    """As in the seed; the names are the tool's settings."""
    row = Row(RowKey(1, "m", 7, Kind.STEP, 0), 0, 3, 0.0, {"s": 1.5, "log_step": 2.5})
    values = row_json(row, step_key="s", epoch_key="e")
    assert (values["s"], values["e"], values["log_step"]) == (7, 3, 2.5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (np.float32(math.nan), "NaN"),
        (np.float64(0.1), 0.1),
        (np.int64(2**62), 2**62),
        (2**80, 2**80),
        (True, True),
        (np.bool_(False), False),
        (None, None),
        ("text", "text"),
        (np.array([[1.0, math.nan], [math.inf, 2.0]]), [[1.0, "NaN"], ["Infinity", 2.0]]),
        (np.array(3), 3),
        ((1, (2.5, math.nan)), [1, [2.5, "NaN"]]),
        (Histogram(np.array([0.0, 1.0]), np.array([4])), {"edges": [0.0, 1.0], "counts": [4]}),
        (Media(Op.TEXT, b"hi \xff"), "hi �"),
        (Media(Op.IMAGE, b"12345"), {"media": "image", "bytes": 5}),
        (PerProcess({0: 1.0, 3: math.nan}), {"per_process": {"0": 1.0, "3": "NaN"}}),
        (1 + 2j, "(1+2j)"),
        (np.array([1j]), "[0.+1.j]"),
        ({1: math.inf}, {"1": "Infinity"}),
    ],
)
def test_every_value_has_a_strict_form(value: Any, expected: Any) -> None:
    """Values of all types that a row may hold are written, NaN in any depth as text."""
    assert strict(dump_line({"v": json_value(value)}))["v"] == expected


@given(st.floats())
@settings(deadline=None)
def test_floats_come_back_bit_for_bit(value: float) -> None:
    """A float64 read from JSON is the one written: -0.0, subnormals and NaN too."""
    back = strict(dump_line({"v": json_value(value)}))["v"]
    back = float_of(back) if isinstance(back, str) else back
    assert np.float64(back).tobytes() == np.float64(value).tobytes() or math.isnan(value)
    assert math.isnan(back) == math.isnan(value)


@given(st.lists(st.text("_podlg", max_size=9), unique=True))
@settings(deadline=None)
def test_no_metric_hides_the_rows_own_key(keys: list[str]) -> None:
    """Names of metrics are reversible and never ``_podlog``."""
    names = [json_name(key) for key in keys]
    assert "_podlog" not in names
    assert [key_of(name) for name in names] == keys

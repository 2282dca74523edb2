"""CSV files whose columns grow."""

import csv
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.coordinator.tools.csvfile import CsvFile

FIXED = ("log_step", "log_epoch")


def write(path: Path, *rows: dict[str, Any], each: bool = True) -> None:
    """Writes rows one by one, or all in one batch."""
    file = CsvFile(path, FIXED)
    for batch in [[row] for row in rows] if each else [list(rows)]:
        file.widen(batch)
        file.append(batch)
    file.lines.close()


def read(path: Path) -> list[list[str]]:
    """All records, as the standard library reads them."""
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_nan_and_absent_and_empty_text_differ(tmp_path: Path) -> None:
    """NaN is written, a missing value is an empty cell, an empty text is quoted."""
    write(
        tmp_path / "a.csv",
        {"log_step": 1, "log_epoch": 0, "x": math.nan, "t": ""},
        {"log_step": 2, "log_epoch": 0, "y": -math.inf},
    )
    assert (tmp_path / "a.csv").read_text() == (
        'log_step,log_epoch,x,t,y\n1,0,nan,"",\n2,0,,,-inf\n'
    )


def test_values_that_are_no_cell_are_left_out(tmp_path: Path) -> None:
    """Lists and objects make no column."""
    write(
        tmp_path / "a.csv", {"log_step": 1, "log_epoch": 0, "l": [1], "d": {}, "n": None, "b": True}
    )
    assert read(tmp_path / "a.csv") == [["log_step", "log_epoch", "b"], ["1", "0", "True"]]


def test_an_existing_file_is_continued(tmp_path: Path) -> None:
    """A second writer keeps the columns of the first and adds its own."""
    write(tmp_path / "a.csv", {"log_step": 1, "log_epoch": 0, 'odd "name",\r\n': 1.5})
    write(tmp_path / "a.csv", {"log_step": 2, "log_epoch": 0, "new": 2})
    assert read(tmp_path / "a.csv") == [
        ["log_step", "log_epoch", 'odd "name",\r\n', "new"],
        ["1", "0", "1.5", ""],
        ["2", "0", "", "2"],
    ]


def test_a_file_made_anew_keeps_its_columns_in_their_places(tmp_path: Path) -> None:
    """A row has changed; a key that came late gets its column."""
    file = CsvFile(tmp_path / "a.csv", FIXED)
    rows = [{"log_step": step, "log_epoch": 0, "x": step / 4} for step in range(3)]
    file.widen(rows)
    file.append(rows)
    rows[1] |= {"x": 9.0, "z": "new"}
    file.rebuild(rows, fresh=rows[1:2])
    file.lines.close()
    assert read(tmp_path / "a.csv")[1:] == [
        ["0", "0", "0.0", ""],
        ["1", "0", "9.0", "new"],
        ["2", "0", "0.5", ""],
    ]


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
CELLS = st.floats() | st.integers() | KEYS | st.booleans()


@given(st.lists(st.dictionaries(KEYS, CELLS, max_size=4), min_size=1, max_size=6), st.booleans())
@settings(deadline=None, max_examples=60)
def test_any_keys_and_values_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], each: bool
) -> None:
    """Whatever comes and goes, each cell is under its key, in order of appearance."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    whole: list[dict[str, Any]] = [
        {"log_step": at, "log_epoch": 0} | row for at, row in enumerate(rows)
    ]
    write(path, *whole, each=each)
    header, *records = read(path)
    assert header == list(dict.fromkeys(key for row in whole for key in row))
    for row, record in zip(whole, records, strict=True):
        for key, text in zip(header, record, strict=True):
            value = row.get(key, "")
            if isinstance(value, float):
                assert repr(float(text)) == repr(value)
            else:
                assert text == str(value)


def test_pandas_reads_what_was_written(tmp_path: Path) -> None:
    """Columns, types and floats to 1e-7 of themselves; missing and NaN read as NaN."""
    values = [1 / 3, 1e-45, -0.0, 1e300, 12345678.9]
    rows = [{"log_step": at, "log_epoch": 0, "optimizer/lr": v} for at, v in enumerate(values)]
    write(tmp_path / "a.csv", *rows, {"log_step": 9, "log_epoch": 1, "late": math.inf})
    frame = pd.read_csv(tmp_path / "a.csv")
    assert list(frame.columns) == ["log_step", "log_epoch", "optimizer/lr", "late"]
    assert frame["log_step"].tolist() == [0, 1, 2, 3, 4, 9]
    assert frame["optimizer/lr"].tolist()[:5] == pytest.approx(values, rel=1e-7)
    assert math.isnan(frame["optimizer/lr"][5])
    assert frame["late"].isna().tolist() == [True] * 5 + [False]

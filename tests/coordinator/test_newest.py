"""The newest rows are handed out as they were added, each time anew."""

import dataclasses

import numpy as np

from podlog.coordinator.newest import NUMBERS, ROWS, NewestRows
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey, Spread


def row(number: int, **values: object) -> Row:
    """A row with this id."""
    key = RowKey(1, "train", number, Kind.STEP, 0)
    made = Row(key, 0, 1, 2.0, {"loss": 0.5, "note": "a", "none": None}, id=number)
    return dataclasses.replace(made, **values)  # type: ignore[arg-type]


def test_a_row_is_handed_out_equal_and_not_shared() -> None:
    """What one tool does to a row's mappings no other tool sees."""
    newest = NewestRows()
    added = row(
        1,
        shown={"loss": 1.0},
        spreads={"loss": Spread(0.5, 0.5, 0, 0, (0,))},
        per_process={"loss": {0: 0.5}},
    )
    newest.add(added)
    first = newest.get(1)
    assert first == added
    assert first is not None
    for mapping in (first.metrics, first.shown, first.spreads, first.per_process["loss"]):
        mapping.clear()  # type: ignore[union-attr]
    assert newest.get(1) == added


def test_added_again_it_is_what_it_is_now() -> None:
    """A row whose postprocessed values came in takes the place of the old one."""
    newest = NewestRows()
    newest.add(row(1))
    newest.add(row(1, shown={"loss": 2.0}))
    assert newest.get(1) == row(1, shown={"loss": 2.0})
    newest.add(row(1, shown={"loss": np.zeros(2)}))
    assert newest.get(1) is None


def test_arrays_are_read_back_from_the_file() -> None:
    """Only rows of scalars are kept: arrays could be changed by who gets them."""
    newest = NewestRows()
    newest.add(row(1, metrics={"all": np.zeros(3)}))
    newest.add(row(2, per_process={"all": {0: np.zeros(3)}}))
    assert newest.get(1) is newest.get(2) is None


def test_it_is_bounded_by_rows_and_by_numbers() -> None:
    """The oldest go first; one row that is too large alone is not kept."""
    newest = NewestRows()
    for number in range(1, ROWS + 2):
        newest.add(row(number))
    assert newest.get(1) is None
    assert newest.get(2) is not None

    wide = {f"k{i}": dict.fromkeys(range(100), 0.5) for i in range(NUMBERS // 200)}
    newest.add(row(1000, per_process=wide))
    newest.add(row(1001, per_process=wide))
    assert newest.get(1000) is None
    assert newest.get(1001) is not None
    newest.add(row(1002, per_process=wide | {f"o{i}": v for i, v in enumerate(wide.values())}))
    assert newest.get(1002) is None

"""`ConsoleLogger`: a compact line a row."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from podlog.coordinator.tools import ConsoleLogger, ConsoleLoggerConfig, console
from podlog.proto.records import Event
from podlog.proto.rows import EventItem, NonFinite, Row
from podlog.proto.tool import ToolContext

MakeRow = Callable[..., Row]


@pytest.fixture
def shown() -> Iterator[list[str]]:
    """The lines that a terminal gets."""
    lines: list[str] = []
    console.sink = lines.append
    yield lines
    console.sink = console.to_stdout


def make(context: ToolContext, **settings: object) -> ConsoleLogger:
    """The tool of a context."""
    return ConsoleLoggerConfig(**settings).create(context)  # type: ignore[arg-type]


def test_a_line_a_row(context: ToolContext, make_row: MakeRow, shown: list[str]) -> None:
    """Mode, step, epoch and metrics; times with their unit; arrays and revisions left out."""
    metrics = {"loss": 1 / 3, "epoch": 2, "step_time": 0.01234, "n": 4, "a": np.zeros(2)}
    tool = make(context)
    tool.write([make_row(7, metrics, epoch=2), make_row(7, metrics, revision=1)])
    tool.log_metrics({"epoch_time": 61.5}, 8, 3, "val")
    assert shown == [
        "train    step 7       epoch 2    loss 0.33333  step_time 12.3 ms  n 4",
        "val      step 8       epoch 3    epoch_time 61.5 s",
    ]


def test_who_is_missing_and_where_a_nan_came_from(
    context: ToolContext, make_row: MakeRow, shown: list[str]
) -> None:
    """A row that not all are in, or that is not finite, names processes and hosts."""
    nans = tuple(NonFinite(p, f"h{p}", "loss", 7, p < 4) for p in (2, 2, 3, 4))
    row = make_row(7, {}, processes=(0, 2, 3, 4), missing=(1,), non_finite=nans)
    make(context).write([row])
    assert shown[0].endswith(
        "  [4 of 5, missing 1]  [Inf in loss on process 4 (h4)]"
        "  [NaN in loss on process 2 (h2)]  [… 1 more]"
    )


def test_no_name_or_text_breaks_the_line(
    context: ToolContext, make_row: MakeRow, shown: list[str]
) -> None:
    """Line breaks and escape sequences are shown as one sign; long texts are cut."""
    tool = make(context)
    tool.write([make_row(1, {"a\nb": "\x1b[31m", "k" * 5000: 1}, mode="m\r")])
    tool.log_event(EventItem(1, 1, 0, 1, 0.0, Event("lost", "process 3\nis lost")))
    assert shown[0] == f"m�       step 1       epoch 1    a�b �[31m  {'k' * 80}… 1"
    assert shown[1] == "! process 3�is lost"


def test_settings_choose_modes_and_number_of_keys(
    context: ToolContext, make_row: MakeRow, shown: list[str]
) -> None:
    """Other modes are silent; keys beyond the limit are counted."""
    tool = make(context, modes=["val"], max_keys=1)
    tool.write([make_row(1, {"a": 1}), make_row(1, {"a": 1, "b": 2, "c": 3}, mode="val")])
    tool.log_metrics({"a": 1}, 1, 1, "train")
    assert shown == ["val      step 1       epoch 1    a 1  … 2 more"]


def test_lines_go_to_stdout_by_default(
    context: ToolContext, make_row: MakeRow, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one process they are printed."""
    make(context).write([make_row(1, {"a": 1})])
    assert capsys.readouterr().out == "train    step 1       epoch 1    a 1\n"

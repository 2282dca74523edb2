"""``podlog export``: one value a row, from a finished or a live journal."""

import csv
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podlog.coordinator.cli import export
from podlog.coordinator.journal import Journal
from podlog.proto.errors import ConfigError, JournalError
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey


def make_row(
    step: int, *, attempt: int = 1, revision: int = 0, mode: str = "train", **metrics: Any
) -> Row:
    key = RowKey(attempt, mode, step, Kind.STEP, 0)
    return Row(key, revision, 3, 9.0, metrics, processes=(0, 1))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Path]:
    """A live run: restored at step 2, so that steps 3 of attempt 1 are superseded."""
    journal = Journal(tmp_path / "journal.sqlite")
    journal.add_attempt("job", 0, 10.0)
    for step in (1, 2, 3, 4):
        journal.add_row(make_row(step, loss=step / 3))
    journal.add_row(make_row(1, mode="val", acc=math.nan, **{"odd, name": "a\nb"}))
    journal.add_attempt("job", 1, 10.0, restored_at=2)
    journal.add_row(make_row(2, attempt=2, loss=20.0, extra=7))
    journal.add_row(make_row(3, attempt=2, loss=30.0))
    journal.add_row(make_row(1, revision=1, loss=0.25))
    yield tmp_path
    journal.close()


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_one_value_a_row(run: Path, tmp_path: Path) -> None:
    """The newest attempt's, the newest revision's; NaN is not absence; names survive."""
    out = tmp_path / "out.csv"
    export(run, "csv", None, out)
    rows = read_csv(out.read_text())
    found = [(r["log_attempt"], r["log_mode"], r["log_step"], r["loss"]) for r in rows]
    assert found == [
        ("1", "train", "1", "0.25"),
        ("1", "val", "1", ""),
        ("2", "train", "2", "20.0"),
        ("2", "train", "3", "30.0"),
    ]
    assert [r["acc"] for r in rows] == ["", "nan", "", ""]
    assert rows[1]["odd, name"] == "a\nb"
    assert list(rows[0])[:6] == [
        "log_attempt",
        "log_mode",
        "log_kind",
        "log_n",
        "log_step",
        "log_epoch",
    ]


def test_an_older_attempt_can_be_read(run: Path, tmp_path: Path) -> None:
    """All its rows, those that were superseded too."""
    out = tmp_path / "out.csv"
    export(run, "csv", 1, out)
    rows = read_csv(out.read_text())
    assert [r["log_step"] for r in rows if r["log_mode"] == "train"] == ["1", "2", "3", "4"]
    assert float(rows[2]["loss"]) == 1.0


def test_jsonl_is_strict_and_says_what_a_row_is(
    run: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Every line parses without constants, and holds `_podlog`; standard output by default."""
    export(run, "jsonl")

    def refuse(text: str) -> None:
        raise AssertionError(text)

    lines = capfdbinary.readouterr().out.splitlines()
    rows = [json.loads(line, parse_constant=refuse) for line in lines]
    assert [row["_podlog"]["attempt"] for row in rows] == [1, 1, 2, 2]
    assert rows[0]["_podlog"]["revision"] == 1
    assert rows[1]["acc"] == "NaN"


def test_a_metric_with_a_fixed_name_is_hidden(tmp_path: Path) -> None:
    """``log_step`` is the step, as in the files of `FileLogger`."""
    journal = Journal(tmp_path / "journal.sqlite")
    journal.add_attempt("job", 0, 10.0)
    journal.add_row(make_row(5, log_step=77, epoch=1))
    journal.close()
    export(tmp_path / "journal.sqlite", "csv", None, tmp_path / "out")
    (row,) = read_csv((tmp_path / "out").read_text())
    assert (row["log_step"], row["epoch"], row["log_epoch"]) == ("5", "1", "3")


def test_what_cannot_be_exported_is_named(run: Path, tmp_path: Path) -> None:
    """No journal, no such attempt, no such format."""
    with pytest.raises(JournalError, match="nowhere"):
        export(tmp_path / "nowhere", "csv")
    with pytest.raises(ConfigError, match="no attempt 3; it has 1, 2"):
        export(run, "csv", 3)
    with pytest.raises(ConfigError, match="'xml'"):
        export(run, "xml")


def test_a_run_whose_coordinator_was_killed_can_be_read(tmp_path: Path) -> None:
    """The last committed rows are in the -wal file then, and are read."""
    code = (
        "import os, signal; from pathlib import Path;"
        "from podlog.coordinator.journal import Journal;"
        "from podlog.proto.records import Kind; from podlog.proto.rows import Row, RowKey;"
        f"j = Journal(Path({str(tmp_path)!r}) / 'journal.sqlite'); j.add_attempt('job', 0, 1.0);"
        "j.add_row(Row(RowKey(1, 'train', 1, Kind.STEP, 0), 0, 0, 0.0, {'a': 1}));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code]).returncode == -9
    export(tmp_path, "csv", None, tmp_path / "out")
    assert [row["a"] for row in read_csv((tmp_path / "out").read_text())] == ["1"]


def test_a_reader_that_has_enough_is_no_error(run: Path) -> None:
    """A closed pipe ends the export quietly."""
    code = (
        "from pathlib import Path; from podlog.coordinator.cli import export;"
        f"export(Path({str(run)!r}), 'jsonl')"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-P", "-c", code], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_damaged_run_is_exported_with_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What can be salvaged is written; that something is damaged is said, and nothing changed."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.add_attempt("job", 0, 10.0)
    for step in range(1, 200):
        journal.add_row(Row(RowKey(1, "train", step, Kind.STEP, 0), 0, 2, 5.0, {"loss": 0.5}))
    journal.close()
    data = bytearray(path.read_bytes())
    data[-4096 * 3 : -4096 * 2] = bytes(4096)
    path.write_bytes(data)
    export(tmp_path, "jsonl", None, tmp_path / "out")
    said = capfd.readouterr().err
    assert "1 pages of journal.sqlite are damaged" in said
    assert 100 < len((tmp_path / "out").read_text().splitlines()) < 199
    assert path.read_bytes() == data

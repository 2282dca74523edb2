"""`FileLogger` killed anywhere: the next life leaves each row once, at its last revision."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kit_files import contents, lines, make

from podlog.proto.rows import Row
from podlog.proto.tool import ToolContext

MakeRow = Callable[..., Row]

ORDER = ["metrics_train.jsonl", "metrics_train.csv", "late_train.jsonl"]
"""In which files of one mode are written."""


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Leaves a folder with these files only."""
    shutil.rmtree(folder)
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("at", range(3))
def test_killed_at_any_byte_of_a_batch(
    context: ToolContext, file_logs: Path, make_row: MakeRow, at: int
) -> None:
    """The batch is taken back, and written again it gives the files of a life without a kill."""
    tool = make(context)
    tool.rewind_to(b"")
    tool.write([make_row(1, {"x": 1.5, "t": 'a "b",\n'}), make_row(2, {"x": 0.1})])
    position, before = tool.position(), contents(file_logs)
    batch = [make_row(3, {"x": 2.5, "t": "\n"}), make_row(4, {"x": 3})]
    batch.append(make_row(1, {"x": 7}, revision=1))
    tool.write(batch)
    after = contents(file_logs)
    tool.finalize("success")
    whole = contents(file_logs)

    name = ORDER[at]
    done = {other: after[other] for other in ORDER[:at]}
    for size in range(len(before.get(name, b"")), len(after[name]) + 1):
        put(file_logs, before | done | {name: after[name][:size]})
        again = make(context)
        again.rewind_to(position)
        assert contents(file_logs) == before
        again.write(batch)
        again.finalize("success")
        assert contents(file_logs) == whole


def test_killed_before_any_change_of_its_files(tmp_path: Path) -> None:
    """Also while late rows take their places, or new columns come: at more than 50 points."""
    script = Path(__file__).with_name("scripts") / "kill_points.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50
    rows = lines(tmp_path / "whole" / "file_logs" / "metrics_train.jsonl")
    found = {row["log_step"]: row["_podlog"]["revision"] for row in rows}
    assert found == {1: 0, 2: 1, 3: 1, 4: 1, 7: 0, 9: 1}
    assert len(rows) == len(found)
    assert not list(tmp_path.rglob("late_*")) + list(tmp_path.rglob("*.new"))

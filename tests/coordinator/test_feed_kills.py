"""A coordinator killed within bursts of rows: each tool shows each row once to its readers."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kit_tensorboard import read, scalars

from podlog.coordinator.journal import Journal
from podlog.proto.rows import Row

HERE = Path(__file__).parent
KILLS = 25


def run(folder: Path, seed: int) -> None:
    """A load of records through `KILLS` kills and one life to the end."""
    done = subprocess.run(
        [
            sys.executable,
            str(HERE / "scripts" / "killed_feeds.py"),
            str(folder),
            str(seed),
            str(KILLS),
        ],
        env={"PYTHONPATH": str(HERE.parent / "kit")},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == KILLS, done.stderr


def stored(folder: Path) -> list[Row]:
    """All rows of the journal, revisions too."""
    journal = Journal(folder / "journal.sqlite", read_only=True)
    rows, last = [], 0
    while items := journal.rows_after(last):
        last = items[-1].id
        rows += [item for item in items if isinstance(item, Row)]
    journal.close()
    return rows


def jsonl(path: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of a file by identity and revision; fails if one is there twice."""
    rows = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        info = row["_podlog"]
        key = (info["attempt"], info["mode"], info["step"], info["kind"], info["n"])
        assert key not in rows, key
        rows[key] = row
    return rows


@pytest.mark.processes
@pytest.mark.timeout(200)
@pytest.mark.parametrize("seed", [1])
def test_each_row_and_line_is_there_once(tmp_path: Path, seed: int) -> None:
    """JSONL and CSV at the last revision, TensorBoard at revision 0, output.log each line."""
    run(tmp_path, seed)
    rows = stored(tmp_path)
    newest = {(r.key.attempt, r.key.mode, r.key.step, r.key.kind.label, r.key.n): r for r in rows}
    assert any(row.revision for row in rows), "nothing was late"
    assert all(row.processes == (0, 1) for row in newest.values())

    for mode in ("train", "val"):
        path = tmp_path / "file_logs" / f"metrics_{mode}.jsonl"
        found = jsonl(path)
        expected = {key: row for key, row in newest.items() if key[1] == mode}
        assert found.keys() == expected.keys()
        for key, row in expected.items():
            assert found[key]["_podlog"]["revision"] == row.revision
            a = row.metrics["a"]
            assert found[key]["a"] == ("NaN" if math.isnan(a) else a)
        frame = pd.read_csv(path.with_suffix(".csv"))
        assert frame["log_step"].tolist() == [row["log_step"] for row in found.values()]
        values = [float(row["a"]) for row in found.values()]
        assert frame["a"].tolist() == pytest.approx(values, nan_ok=True)
        first = [row.key.step for row in rows if row.key.mode == mode and not row.revision]
        shown = [step for step, _ in scalars(read(tmp_path / "tensorboard"), f"{mode}/a")]
        assert shown == first

    assert not [p for p in tmp_path.rglob("*") if re.search(r"\.new$|\.\d+$|late_", p.name)]
    lines = re.findall(r"line (\d+) of (\d)", (tmp_path / "output.log").read_text())
    assert sorted(lines) == sorted((str(n), str(p)) for n in range(7, 1501, 7) for p in (0, 1))

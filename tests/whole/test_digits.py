"""The example training: four processes and one, and what lies in the run folder afterwards."""

import contextlib
import csv
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

DIGITS = Path(__file__).parents[2] / "cluster" / "examples" / "digits.py"
SAMPLES = 1797
VALIDATION = SAMPLES // 5


@pytest.mark.processes
@pytest.mark.timeout(240)
def test_four_processes_train_merge_and_write(run_job: Callable[..., Any]) -> None:
    """Every file is there, tensorboard's own reader reads its events, and the counts add up."""
    job = run_job(DIGITS, 4, "--log-path", "run", "--epochs", "2", devices=2, timeout=200)
    job.wait_gone()
    _check_values(job.rows, [0, 1, 2, 3])
    assert "merged from process 0, 1, 2, 3\n" in job.output

    run = job.run
    for path in ("journal.sqlite", "output.log", "file_logs/config.json"):
        assert (run / path).stat().st_size > 0
    for mode in ("train", "val"):
        with (run / "file_logs" / f"metrics_{mode}.csv").open(newline="") as file:
            assert len(list(csv.DictReader(file))) == len(job.rows(mode)) > 0
        assert [row for row in job.rows(mode) if row["_podlog"]["missing"]] == []
    assert json.loads((run / "file_logs" / "config.json").read_text())

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert any(tag.startswith("val/") for tag in events.Tags()["scalars"])

    assert not list(run.glob("journal.sqlite-wal"))
    with contextlib.closing(sqlite3.connect(run / "journal.sqlite")) as journal:
        assert journal.execute("pragma integrity_check").fetchone() == ("ok",)
    assert not list((run / "spool").glob("*"))

    text = (run / "output.log").read_text()
    assert "[R0-3]" in text
    assert "Starting epoch" in text


@pytest.mark.timeout(110)
def test_the_same_script_trains_alone(tmp_path: Path) -> None:
    """In a single process, without a launcher, it logs every image once, and sums up."""
    done = subprocess.run(
        [sys.executable, str(DIGITS), "--epochs", "2", "--log-path", str(tmp_path / "run")],
        env={**os.environ, "NPROC": "32"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "merged from process 0\n" in done.stdout
    files = tmp_path / "run" / "file_logs"

    def rows(mode: str) -> list[dict[str, Any]]:
        lines = (files / f"metrics_{mode}.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    _check_values(rows, [0])


def _check_values(rows: Callable[[str], list[dict[str, Any]]], processes: list[int]) -> None:
    """What every run of the example holds, whatever the number of processes."""
    counted = {row["log_step"]: row for row in rows("val") if "accuracy" in row}
    on_devices = {row["log_step"]: row for row in rows("val") if "accuracy_on_devices" in row}
    assert len(counted) == 4
    assert counted.keys() == on_devices.keys()
    for step, row in counted.items():
        assert row["samples"] == VALIDATION
        assert row["_podlog"]["processes"] == processes
        right = round(row["accuracy"] * VALIDATION)
        assert row["accuracy"] == right / VALIDATION
        assert abs(row["accuracy"] - on_devices[step]["accuracy_on_devices"]) < 1e-6
        assert on_devices[step]["_podlog"]["processes"] == processes

    train = rows("train")
    assert [r["samples"] for r in train if "samples" in r][-1] == 2 * (SAMPLES - VALIDATION)
    losses = [row["loss"] for row in train if "loss" in row]
    assert losses[-1] < losses[0]


@pytest.mark.processes
@pytest.mark.timeout(240)
def test_merged_accuracy_of_four_is_that_of_one(run_job: Callable[..., Any]) -> None:
    """The same weights give the same counts, whether one process evaluates or four."""
    script = Path(__file__).parent / "scripts" / "evaluate.py"
    four = [r for r in run_job(script, 4, timeout=120).rows("val") if "correct" in r]
    one = [r for r in run_job(script, 1, timeout=120).rows("val") if "correct" in r]
    assert len(four) == len(one) == 3
    for many, single in zip(four, one, strict=True):
        assert many["correct"] == single["correct"]
        assert many["samples"] == single["samples"] == SAMPLES
        assert many["accuracy"] == pytest.approx(single["accuracy"], rel=0, abs=1e-12)
        assert many["_podlog"]["processes"] == [0, 1, 2, 3]

"""The example training: four processes and one, and what lies in the run folder afterwards."""

import csv
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

DIGITS = Path(__file__).parents[2] / "cluster" / "examples" / "digits.py"
SAMPLES = 1797


@pytest.mark.processes
@pytest.mark.timeout(240)
def test_four_processes_train_merge_and_write(run_job: Callable[..., Any]) -> None:
    """Every file is there, tensorboard's own reader reads its events, and the counts add up."""
    job = run_job(DIGITS, 4, "--log-path", "run", "--epochs", "2", devices=2, timeout=200)
    job.wait_gone()

    run = job.run
    files = run / "file_logs"
    for path in ("journal.sqlite", "output.log", "file_logs/config.json"):
        assert (run / path).stat().st_size > 0
    for mode in ("train", "val"):
        with (files / f"metrics_{mode}.csv").open(newline="") as file:
            assert len(list(csv.DictReader(file))) == len(job.rows(mode)) > 0
    assert json.loads((files / "config.json").read_text())

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert any(tag.startswith("val/") for tag in events.Tags()["scalars"])

    assert not list(run.glob("journal.sqlite-*"))
    with sqlite3.connect(run / "journal.sqlite") as journal:
        assert journal.execute("pragma integrity_check").fetchone() == ("ok",)
    assert not list((run / "spool").glob("*"))

    text = (run / "output.log").read_text()
    assert "[R0-3]" in text
    assert "Starting epoch" in text
    for row in job.rows("train") + job.rows("val"):
        about = row["_podlog"]
        assert about["missing"] == []


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

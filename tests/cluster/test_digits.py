"""The example training, alone and as a pod of four."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "cluster" / "examples" / "digits.py"
VALIDATION_IMAGES = 1797 // 5


def _run(run: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command, str(SCRIPT), "--epochs", "2", "--log-path", str(run)],
        env={**os.environ, "NPROC": "32", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _rows(run: Path, mode: str) -> list[dict[str, Any]]:
    lines = (run / "file_logs" / f"metrics_{mode}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def _check(run: Path, processes: list[int]) -> None:
    """What every run of it holds, whatever the number of processes."""
    val = _rows(run, "val")
    counted = {row["log_step"]: row for row in val if "accuracy" in row}
    on_devices = {row["log_step"]: row for row in val if "accuracy_on_devices" in row}
    assert len(counted) == 4
    assert counted.keys() == on_devices.keys()
    for step, row in counted.items():
        assert row["samples"] == VALIDATION_IMAGES
        assert row["_podlog"]["processes"] == processes
        right = round(row["accuracy"] * VALIDATION_IMAGES)
        assert row["accuracy"] == right / VALIDATION_IMAGES
        assert abs(row["accuracy"] - on_devices[step]["accuracy_on_devices"]) < 1e-6
        assert on_devices[step]["_podlog"]["processes"] == processes

    train = _rows(run, "train")
    samples = [row["samples"] for row in train if "samples" in row]
    assert samples[-1] == 2 * (1797 - VALIDATION_IMAGES)
    losses = [row["loss"] for row in train if "loss" in row]
    assert losses[-1] < losses[0]


@pytest.mark.timeout(110)
def test_alone(tmp_path: Path) -> None:
    """In a single process it trains, logs every image once, and sums up."""
    output = _run(tmp_path / "run")
    _check(tmp_path / "run", [0])
    assert "merged from process 0\n" in output
    assert f"logged to {tmp_path / 'run'}" in output


@pytest.mark.processes
@pytest.mark.timeout(110)
def test_pod_of_four(tmp_path: Path) -> None:
    """Four processes with parts of unequal size are merged into the values of the whole."""
    command = ["-m", "podlog.cluster.cli", "run", "-n", "4", "--cpu-devices", "2"]
    output = _run(tmp_path / "run", *command)
    _check(tmp_path / "run", [0, 1, 2, 3])
    assert "merged from process 0, 1, 2, 3\n" in output

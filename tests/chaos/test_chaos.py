"""SIGKILLs of coordinators and as many of workers: nothing lost, nothing twice.

200 of either kind as a soak, 15 in the suite.
"""

import collections
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

from podlog.cluster import chaosaudit, witness
from podlog.coordinator import cli

RUNS = [(15, 1), *(pytest.param((50, n), marks=pytest.mark.soak) for n in (1, 2, 3, 4))]
"""Kills of either kind in each run, and its seed."""

Run = tuple[Path, Any, int]
"""The folder, the finished process, and how many kills of either kind there were."""

BOUND_S = 400


def _command(folder: Path, seed: int, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "podlog.cluster.cli", "chaos"),
        *("--seed", str(seed), "--log-path", str(folder), "--json", *options),
    ]


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: "{}-{}".format(*run))
def run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Run:
    """A finished run."""
    each, seed = request.param
    folder = tmp_path_factory.mktemp("chaos") / str(seed)
    options = ["-n", "4", "--seconds", str(each * 0.8), "--kills", str(2 * each), "--rate", "8"]
    command = _command(folder, seed, *options)
    return folder, subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S), each


@pytest.mark.timeout(BOUND_S + 30)
def test_nothing_lost_nothing_twice(run: Run) -> None:
    """Journal, CSV, JSONL and output.log hold what the witnesses saw, once."""
    folder, done, each = run
    said = json.loads(done.stdout)
    assert said["problems"] == [], done.stderr[-3000:]
    assert said["ok"]
    assert (said["workers killed"], said["coordinators killed"]) == (each, each)
    assert (said["lost"], said["twice"], said["records declared lost"]) == (0, 0, 0)
    assert said["lives"] > each // 2
    assert said["records stored"] >= said["records witnessed"] > 20 * each
    assert (folder / "run" / "journal.sqlite").exists()
    assert not list((folder / "run" / "spool").glob("*"))


@pytest.mark.timeout(BOUND_S + 30)
def test_tensorboard_has_each_row_once(run: Run) -> None:
    """Read with its own reader: every row that was not late, at revision 0, once."""
    folder, _, each = run
    shown: collections.Counter[tuple[Any, ...]] = collections.Counter()
    (path,) = (folder / "run" / "tensorboard").iterdir()
    for event in EventFileLoader(str(path)).Load():
        values = {v.tag: _number(v) for v in event.summary.value}
        for name in _names({k.partition("/")[2]: v for k, v in values.items()}, event.step):
            shown[name] += 1
    cli.export(folder / "run", "jsonl", None, folder / "all.jsonl")
    rows = [json.loads(line) for line in (folder / "all.jsonl").read_text().splitlines()]
    first, revised = set(), set()
    for row in rows:
        names = _names(row, row["log_step"])
        (revised if row["_podlog"]["revision"] else first).update(names)
    assert [name for name, count in shown.items() if count > 1] == []
    assert first <= shown.keys() <= first | revised
    assert len(first) > 6 * each


def _number(value: Any) -> float:
    return float(tensor_util.make_ndarray(value.tensor)) if value.HasField("tensor") else 0.0


def _names(metrics: dict[str, Any], step: int) -> list[tuple[Any, ...]]:
    """What tells a row from all others: the host record in it, or its step."""
    hosts = [
        (key, int(metrics[key]), int(metrics[key.replace("serial", "life")]))
        for key in metrics
        if key.endswith("_serial")
    ]
    return hosts + ([("step", step)] if "loss" in metrics else [])


@pytest.mark.soak
@pytest.mark.timeout(150)
def test_the_whole_job_killed_again_and_again(tmp_path: Path) -> None:
    """Everything at once, and the next life has another number of processes."""
    options = ["-n", "4", "--seconds", "12", "--kill", "job,worker", "--kills", "6"]
    done = subprocess.run(
        _command(tmp_path / "all", 5, *options, "--then", "2,5"),
        capture_output=True,
        text=True,
        timeout=140,
    )
    said = json.loads(done.stdout)
    assert (said["problems"], done.returncode) == ([], 0), done.stderr[-3000:]
    assert said["jobs killed"] == 3
    assert len(list((tmp_path / "all").glob("witness-*"))) >= 4


@pytest.mark.timeout(90)
def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """A witness that saw more than the run holds: exit status 1, or rather its problems."""
    folder = tmp_path / "all"
    options = ["-n", "2", "--seconds", "2", "--kills", "0"]
    done = subprocess.run(_command(folder, 1, *options), capture_output=True, timeout=80)
    assert done.returncode == 0, done.stderr
    path = folder / "witness-1"
    (life,) = witness.lives(path)
    with witness.Witness(path) as more:
        more.write(witness.Life(12345, 1, life.step + 1, life.step, seq=7, serial=2, lines=1))
    report = chaosaudit.audit(folder, {1: 1}, {}, [])
    assert not report.ok
    assert "lives not stored in full: process 1, life 2: spooled 7, stored up to 0" in (
        report.problems
    )
    assert "lost: process 1, life 2, record 1" in report.problems
    assert "log lines lost: 1 life 2 line 1" in report.problems
    assert report.counts["lost"] == 2

    jsonl = folder / "run" / "file_logs" / "metrics_train.jsonl"
    lines = jsonl.read_bytes().splitlines(keepends=True)
    jsonl.write_bytes(b"".join([*lines[1:], lines[-1]]))
    report = chaosaudit.audit(folder, {1: 1}, {}, [])
    assert any("is missing" in problem for problem in report.problems)
    assert any("are there twice" in problem for problem in report.problems)

"""A second run in the same folder goes on as the next attempt; no file is overwritten."""

import json
from pathlib import Path

import pandas
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from podlog.coordinator.cli import export
from podlog.coordinator.tools import FileLoggerConfig, TensorBoardLoggerConfig
from podlog.worker import Logger, LoggerConfig


def run(folder: Path, first: int, key: str) -> str:
    tools = [FileLoggerConfig(), TensorBoardLoggerConfig()]
    with Logger(LoggerConfig(log_path=folder, log_tools=tools)) as logger:
        logger.log_config({"first": first})
        for step in range(first, first + 3):
            logger.log_host_metrics({"a": step, key: 0.5}, step, mode="train")
        assert logger.finalize().status == "success"
        return logger.run_id


def test_rows_of_both_runs_are_in_every_file(tmp_path: Path) -> None:
    """One run id, two attempts; new columns, the newest config, one curve."""
    ids = {run(tmp_path, 0, "old"), run(tmp_path, 3, "new")}
    assert len(ids) == 1

    files = tmp_path / "file_logs"
    lines = [json.loads(line) for line in (files / "metrics_train.jsonl").read_text().splitlines()]
    assert [(line["log_step"], line["_podlog"]["attempt"]) for line in lines] == [
        (0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2),
    ]  # fmt: skip
    table = pandas.read_csv(files / "metrics_train.csv")
    assert table["a"].tolist() == table["log_step"].tolist() == list(range(6))
    assert table["old"].count() == table["new"].count() == 3
    assert json.loads((files / "config.json").read_text()) == {"first": 3}

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/a")] == [(s, s) for s in range(6)]

    export(tmp_path, "jsonl", 2, tmp_path / "second.jsonl")
    exported = (tmp_path / "second.jsonl").read_text().splitlines()
    assert [json.loads(line)["log_step"] for line in exported] == [3, 4, 5]
    names = {p.name for p in tmp_path.glob("journal*")}
    assert names == {"journal.sqlite", "journal.sqlite-sums"}
    assert not (tmp_path / "spool").exists() or not list((tmp_path / "spool").iterdir())

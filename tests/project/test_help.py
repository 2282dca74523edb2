"""The examples in the help of the `podlog` command can be typed as they stand."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from podlog.cluster.cli import app

TRAIN = """
from podlog.cluster import initialize
from podlog.worker import Logger, LoggerConfig

initialize()
with Logger(LoggerConfig()) as logger:
    logger.log_host_metrics({"loss": 0.5}, 1, "train")
    logger.finalize("success")
"""
GROUP = typer.main.get_command(app)


def _examples() -> Iterator[tuple[str, str]]:
    """(command whose help it is, line), in the order of the help."""
    for name, text in [("", GROUP.help), *((n, c.help) for n, c in GROUP.commands.items())]:
        yield from ((name, line) for line in re.findall(r"^ *(podlog .*)$", text or "", re.M))


@pytest.mark.parametrize("name", ["", *GROUP.commands])
def test_each_help_has_examples(name: str) -> None:
    """All commands but the trivial one show how they are used."""
    assert name == "version" or name in {found for found, _ in _examples()}


@pytest.mark.parametrize("line", sorted({line for _, line in _examples()}))
def test_an_example_is_understood(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its options exist and take what they are given."""
    monkeypatch.chdir(tmp_path)
    Path("train.py").touch()
    Path("runs/first").mkdir(parents=True)
    _, name, *arguments = shlex.split(line.split(" > ")[0])
    with GROUP.commands[name].make_context(name, arguments) as context:
        assert context.params


@pytest.mark.processes
def test_the_first_steps_work(tmp_path: Path) -> None:
    """Those of `podlog --help`, one after the other, show the merged row."""
    (tmp_path / "train.py").write_text(TRAIN)
    outputs = []
    for name, line in _examples():
        if name == "":
            command = [sys.executable, "-m", "podlog.cluster.cli", *shlex.split(line)[1:]]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            outputs.append(done.stdout)
    assert outputs[-1].splitlines() == [
        "log_attempt,log_mode,log_kind,log_n,log_step,log_epoch,loss",
        "1,train,host,0,1,0,0.5",
    ]

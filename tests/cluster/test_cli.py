"""The `podlog` command as a newcomer meets it."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest


def _podlog(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "podlog.cluster.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_help_shows_the_first_steps() -> None:
    """The help names the commands and shows two that a newcomer can type."""
    done = _podlog("--help")
    assert done.returncode == 0
    assert "podlog run -n 4 --cpu-devices 2 --log-path runs/first train.py" in done.stdout
    assert "podlog export runs/first --format csv" in done.stdout


def test_no_arguments_is_help() -> None:
    """Without arguments the command says what it can do."""
    done = _podlog()
    assert "podlog run" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("run", ["podlog run -n 4 train.py --epochs 3", "Exit status", "--cpu-devices"]),
        ("export", ["podlog export runs/first --format csv > rows.csv", "--attempt"]),
        ("audit", ["podlog audit runs/first --json", "unaccounted", "Exit status"]),
        ("version", ["version"]),
    ],
)
def test_help_of_commands(command: str, expected: list[str]) -> None:
    """Each command's help has an example and its options."""
    done = _podlog(command, "--help")
    assert done.returncode == 0
    for text in expected:
        assert text in done.stdout


def test_version() -> None:
    """The version is the installed distribution's."""
    assert _podlog("version").stdout.strip() == importlib.metadata.version("podlog")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run"], "SCRIPT"),
        (["run", "absent.py"], "absent.py"),
        (["run", "-n", "0", __file__], "--processes"),
        (["run", "--no-such", "absent.py"], "--no-such"),
        (["export", "absent"], "absent"),
        (["no-such"], "no-such"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    """Wrong usage ends with status 2 and names what is wrong."""
    done = _podlog(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr


def test_export_of_a_folder_without_a_run(tmp_path: Path) -> None:
    """A folder without a journal is one line and status 1, not a traceback."""
    done = _podlog("export", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("podlog: ")
    assert "Traceback" not in done.stderr

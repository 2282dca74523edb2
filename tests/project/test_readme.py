"""The README tells the truth: its code runs, its commands and paths exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from kit_tree import ROOT

from podlog.cluster.cli import app

README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
CONSOLE = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
TEXT = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
NOT_YET = TEXT.split("\n## Not yet\n", 1)[1].split("\n## ", 1)[0]
INLINE = re.findall(r"`([^`\n]+)`", TEXT.replace(NOT_YET, ""))
PROMISES = [
    "Never in the way", "Nothing lost, nothing twice", "Merged is pooled", "A NaN has a name",
    "One fate", "Tools are guests", "Private to the job",
]  # fmt: skip
MADE_ELSEWHERE = {"tensorboard/events*", "coordinator.log"}  # by another tool, by a pod


def _commands() -> list[list[str]]:
    """Every command of the console blocks and of the text, as words."""
    lines = [line.removeprefix("$ ") for block in CONSOLE for line in block.splitlines()]
    lines += [code for code in INLINE if code.startswith(("podlog ", "make "))]
    return [shlex.split(line, comments=True) for line in lines]


def _paths() -> list[str]:
    """What is named in backticks and looks like a file or folder."""
    named = re.compile(r"[\w.<>/-]+(/|/\w+\*|\.(py|proto|sqlite|log|csv|jsonl|json))")
    return [code for code in INLINE if named.fullmatch(code)]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's scripts ran, in order, as a single process."""
    folder = tmp_path_factory.mktemp("readme")
    for number, block in enumerate(PYTHON):
        script = folder / f"block{number}.py"
        script.write_text(block)
        done = subprocess.run(
            [sys.executable, "-P", "-W", "error", str(script)],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    return folder


def test_the_code_blocks_run(ran: Path) -> None:
    """They are there, and each ended well."""
    assert len(PYTHON) == 2
    assert "1,0,0.75" in (ran / "runs/first/file_logs/metrics_train.csv").read_text()


def test_the_tool_of_the_readme_is_one(ran: Path) -> None:
    """Its config makes a tool that takes a row."""
    block = "\nPrinterConfig().create(None).log_metrics({'loss': 1.5}, 3, 0, 'val')\n"
    command = [sys.executable, "-P", "-c", PYTHON[1] + block]
    done = subprocess.run(command, cwd=ran, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("val 3 {'loss': 1.5}\n", "")


def test_it_opens_with_the_two_commands() -> None:
    """Whoever has a fresh clone sees them first."""
    assert [shlex.split(line, comments=True)[1:] for line in CONSOLE[0].splitlines()] == [
        ["make", "demo"], ["make", "test"],
    ]  # fmt: skip


@pytest.mark.parametrize("command", _commands(), ids=" ".join)
def test_a_command_exists(command: list[str]) -> None:
    """`podlog` knows its options; `make` its targets and variables."""
    program, name, *rest = command
    if program == "make":
        makefile = (ROOT / "Makefile").read_text()
        assert re.search(rf"^{name}:", makefile, re.MULTILINE)
        for variable in rest:
            assert re.search(rf"^{variable.partition('=')[0]} \?=", makefile, re.MULTILINE)
        return

    assert program == "podlog"
    group = typer.main.get_command(app)
    if name == "--help":
        return
    options = {o for p in group.commands[name].params for o in (*p.opts, *p.secondary_opts)}
    unknown = {word for word in rest if word.startswith("-")} - options - {"--"}
    assert unknown == set()


def test_what_is_not_yet_is_not_there() -> None:
    """A command that exists is no longer told as missing."""
    told = re.findall(r"`podlog (\w+)`", NOT_YET)
    assert not set(told) & set(typer.main.get_command(app).commands)


@pytest.mark.parametrize("name", sorted(set(_paths())))
def test_a_path_exists(ran: Path, name: str) -> None:
    """In the tree, or in the log_path that the example leaves behind."""
    pattern = name.replace("<mode>", "train").rstrip("/")
    if name in MADE_ELSEWHERE or name in ("script.py", "runs/digits/"):
        return
    assert list(ROOT.glob(pattern)) or list((ran / "runs/first").glob(pattern))


def test_every_promise_has_its_section() -> None:
    """Those of DESIGN that hold today, in order, each with a text."""
    section = README.split("## What it promises", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^### (.*)\n\n(.+)", section, re.MULTILINE)
    assert [title for title, _ in found] == PROMISES

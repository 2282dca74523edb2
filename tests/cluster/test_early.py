"""An exception before the Logger is made ends a launched process at once, and nothing else does."""

import os
import subprocess
import sys

import pytest

BEGIN = """
import atexit, os, sys
import types
import jax
from podlog.cluster import early, pod
pod.joined = lambda: JOINED and types.SimpleNamespace(num_processes=JOINED)
atexit.register(print, "exit functions ran", flush=True)
early.arm()
early.arm()
"""
CAUGHT = """
try:
    sys.exit(3)
except SystemExit:
    pass
"""
LAUNCHED = {"PODLOG_CONTACT": "/nowhere/contact"}


def _run(code: str, joined: int | None = 2, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", f"JOINED = {joined}\n{BEGIN}{code}"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PODLOG_")}
    return subprocess.run(command, env=clean | env, capture_output=True, text=True, timeout=30)


def test_it_ends_behind_its_traceback() -> None:
    """What was printed is there, exit functions do not run, and a line says so."""
    done = _run("print('before'); raise ValueError('boom')", **LAUNCHED)
    assert done.returncode == 1
    assert done.stdout == "before\n"
    assert "ValueError: boom" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("podlog: it ends before it made its Logger")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit('bad config')", 1),
        ("sys.exit()", 0),
        ("raise KeyboardInterrupt", -2),
    ],
)
def test_other_ways_out_are_as_quick(code: str, status: int) -> None:
    """With the exit status that they would have had."""
    done = _run(code, **LAUNCHED)
    assert done.returncode == status
    assert "exit functions ran" not in done.stdout
    assert ("bad config" in done.stderr) == ("bad config" in code)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (CAUGHT, 0),
        ("early.disarm(); raise ValueError('boom')", 1),
        ("early.disarm(); sys.exit(3)", 3),
        ("early.disarm(); raise KeyboardInterrupt", -2),
        ("sys.excepthook = sys.__excepthook__; raise ValueError('boom')", 1),
        ("pass", 0),
    ],
)
def test_all_else_ends_as_ever(code: str, status: int) -> None:
    """A Logger has taken over, somebody interrupts, another hook was put in place."""
    done = _run(code, **LAUNCHED)
    assert done.returncode == status
    assert "exit functions ran" in done.stdout


def test_without_a_launcher_nothing_is_changed() -> None:
    """Nobody would hear of its exit code."""
    done = _run("raise ValueError('boom')", PODLOG_LOG_PATH="/nowhere")
    assert done.returncode == 1
    assert "exit functions ran" in done.stdout


@pytest.mark.parametrize("joined", [None, 1])
def test_alone_or_before_the_pod_is_joined_nothing_is_changed(joined: int | None) -> None:
    """There is no barrier that would hold it."""
    done = _run("raise ValueError('boom')", joined=joined, **LAUNCHED)
    assert done.returncode == 1
    assert "exit functions ran" in done.stdout


def test_a_forked_child_is_left_alone() -> None:
    """Its exception is its own."""
    code = """
pid = os.fork()
if pid == 0:
    raise ValueError('boom')
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
print('parent goes on')
"""
    done = _run(code, **LAUNCHED)
    assert done.returncode == 0
    assert done.stdout.count("exit functions ran") == 2
    assert "parent goes on" in done.stdout

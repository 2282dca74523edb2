"""Processes and their ends are named alike, wherever people read of them."""

import signal

import pytest

from podlog.proto.words import ended, killed_by, named, signal_name, stopped_by


def test_a_process_and_its_end() -> None:
    """With its host and the reason, where they are known."""
    assert named(3, "") == "process 3"
    assert ended(3, "a", "lost", "") == "process 3 on a: lost"
    assert ended(3, "", "failure", "ValueError: boom") == "process 3: failure (ValueError: boom)"


@pytest.mark.parametrize(
    ("number", "name", "killed", "stopped"),
    [
        (signal.SIGINT, "SIGINT", "interrupted", "interrupted"),
        (signal.SIGTERM, "SIGTERM", "preempted", "preempted"),
        (signal.SIGKILL, "SIGKILL", "lost", "preempted"),
        (63, "signal 63", "lost", "preempted"),
    ],
)
def test_signals(number: int, name: str, killed: str, stopped: str) -> None:
    """Their names, and what they make of a process and of a job."""
    assert (signal_name(number), killed_by(number), stopped_by(number)) == (name, killed, stopped)

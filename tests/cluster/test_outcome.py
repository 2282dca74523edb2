"""How processes and jobs end, for people and for schedulers."""

import pytest

from podlog.cluster.outcome import (
    EXIT_STATUS,
    STARTED_AGAIN,
    exit_status,
    last_word,
    said,
    sign_said,
    status_of,
)
from podlog.proto.control import Ended, FirstSign, ProcessExit


def test_exit_statuses() -> None:
    """The verdict's words have the exit statuses that the README promises."""
    assert EXIT_STATUS == {
        "success": 0,
        "failure": 1,
        "unfinished": 1,
        "nan": 65,
        "lost": 70,
        "preempted": 75,
        "abort": 76,
        "interrupted": 130,
    }
    assert exit_status("some word of the user's") == 1


def test_what_was_wanted_is_not_started_again() -> None:
    """Only ends that nobody wanted; a word that nobody knows may have been."""
    assert set(EXIT_STATUS) - STARTED_AGAIN == {"success", "nan", "preempted", "interrupted"}


@pytest.mark.parametrize(
    ("code", "signal", "status", "text"),
    [
        (0, None, "success", "process 1 ended with exit code 0"),
        (3, None, "failure", "process 1 ended with exit code 3"),
        (76, None, "abort", "process 1 ended with exit code 76 (another one had failed)"),
        (None, 2, "interrupted", "process 1 was ended by SIGINT"),
        (None, 15, "preempted", "process 1 was ended by SIGTERM"),
        (None, 9, "lost", "process 1 was ended by SIGKILL"),
        (None, 200, "lost", "process 1 was ended by signal 200"),
    ],
)
def test_exits(code: int | None, signal: int | None, status: str, text: str) -> None:
    """An exit alone has a status and a line with the name of the signal."""
    exit_ = ProcessExit(1, 5, code=code, signal=signal)
    assert status_of(exit_) == status
    assert said(exit_) == text


def test_a_process_that_failed_after_a_success_counts() -> None:
    """Its verdict is in the journal, its exit is in the launcher's status."""
    failed = [ProcessExit(1, 5, code=3)]
    assert last_word(Ended("success", rows=4), []) == Ended("success", rows=4)
    cause = "process 1 ended with exit code 3"
    assert last_word(Ended("success", rows=4), failed) == Ended("failure", cause, 4)
    assert last_word(Ended("nan", "NaN"), failed) == Ended("nan", "NaN")


def test_want_of_memory_is_said() -> None:
    """It is told from a SIGKILL that somebody sent."""
    exit_ = ProcessExit(1, 5, signal=9, out_of_memory=True)
    assert said(exit_) == "process 1 was ended by SIGKILL (out of memory)"


def test_first_signs() -> None:
    """With the host and the reason, as far as they are known."""
    sign = FirstSign(3, "failure", "ValueError: boom", "alpha")
    assert sign_said(sign) == "process 3 on alpha: failure (ValueError: boom)"
    assert sign_said(FirstSign(3, "lost", "")) == "process 3: lost"

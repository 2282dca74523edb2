"""Verdicts on processes that never arrived, and after an agreed stop."""

import signal

import pytest
from kit_members import LOST_AFTER, end, join, judged, members


def test_the_others_waited_for_one_that_never_arrived():
    """They are aborted in initialize; the launcher ends the one that they waited for."""
    found = members(4, joined=False)
    for process in (0, 2, 1):
        found.exited(process, None, signal.SIGABRT, True, 1.0)
    found.exited(3, None, signal.SIGTERM, False, 9.0)
    status, cause = end(found)
    assert status == "lost"
    assert cause == (
        "process 3: lost (it never arrived, and the others waited for it)"
        "; 3 others failed as a consequence"
    )


def test_several_that_never_arrived_are_all_named():
    """Nobody reported how they ended."""
    found = members(4, joined=False)
    for process in (0, 1):
        found.exited(process, None, signal.SIGABRT, True, 1.0)
    status, cause = end(found)
    assert status == "lost"
    assert cause.startswith("process 2: lost (it never arrived, and the others waited for it)")
    assert "; process 3 neither" in cause


def test_one_that_never_came_while_the_others_did():
    """It is lost once they are done, also if a launcher ended it in the end."""
    for kill in (False, True):
        found = members(2, joined=False)
        join(found, 0, 0.0)
        found.goodbye(0, "success", 100.0)
        if kill:
            found.exited(1, None, signal.SIGKILL, False, 101.0)
        found.tick(100.0 + LOST_AFTER)
        assert judged(found) == ("lost", True, "process 1: lost (it never arrived)")


def test_one_that_was_slow_to_start_is_no_cause_of_a_failure():
    """The launcher ended it because of another's failure."""
    found = members(2, joined=False)
    join(found, 0, 0.0)
    found.failed(0, "failure", "ValueError: boom", 1.0)
    found.exited(1, None, signal.SIGTERM, False, 2.0)
    assert end(found)[1] == "process 0 on host0: failure (ValueError: boom)"


def test_one_that_crashed_before_it_joined_says_how():
    """An exit of its own is no absence."""
    found = members(2, joined=False)
    found.exited(1, 1, None, True, 1.0)
    first = found.first_sign()
    assert first is not None
    assert (first.process, first.status, first.hard) == (1, "failure", True)
    found.exited(0, None, signal.SIGTERM, False, 2.0)
    assert end(found) == ("failure", "process 1: failure (it ended with exit code 1)")


# ---------------------------------------------------------------------------- stops


@pytest.mark.parametrize("stopped", ["nan", "preempted"])
def test_success_after_an_agreed_stop_counts_as_its_reason(stopped):
    """Unless somebody says what counts more, or failed."""
    found = members(2)
    for process in (0, 1):
        found.finalized(process, "success", 1.0)
    assert judged(found, stopped=stopped) == (
        stopped,
        True,
        f"process 1 on host1: {stopped} ('loss' is NaN at step 5); agreed stop step 7",
    )
    other = members(2)
    other.finalized(0, "success", 1.0)
    other.failed(1, "failure", "ValueError: boom", 1.0)
    other.finalized(1, "success", 1.0)
    assert judged(other, stopped=stopped)[0] == "failure"


def test_what_processes_say_of_a_stop_is_ranked():
    """nan, interrupted, preempted, then anything else."""
    for said, stopped, expected in [
        ("nan", "preempted", "nan"),
        ("preempted", "nan", "nan"),
        ("interrupted", "preempted", "interrupted"),
        ("early stop", "preempted", "preempted"),
        ("nan", "nan", "nan"),
    ]:
        found = members(2)
        found.finalized(0, "success", 1.0)
        found.finalized(1, said, 1.0)
        assert judged(found, stopped=stopped)[0] == expected


def test_what_a_process_said_of_its_end_outlives_its_goodbye():
    """The root cause is what stopped it, or what it called: not that it went."""
    for error, expected in [("'loss' is nan at step 7", None), ("", "finalize('nan')")]:
        found = members(2)
        found.finalized(1, "nan", 1.0, error)
        found.goodbye(1, "", 2.0)
        found.finalized(0, "success", 3.0)
        assert judged(found) == ("nan", True, f"process 1 on host1: nan ({expected or error})")

"""What says that a process ends badly, and what only follows from something else."""

import signal

import pytest
from kit_members import GLOO, LOST_AFTER, end, join, judged, members, states

from podlog.coordinator.core.members import Members
from podlog.coordinator.core.signs import is_runtime


def sign(found: Members) -> tuple[int, str, bool] | None:
    first = found.first_sign()
    return None if first is None else (first.process, first.status, first.hard)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GLOO, True),
        ("XlaRuntimeError: INTERNAL: NCCL operation failed", True),
        ("JaxRuntimeError: UNAVAILABLE: failed to connect", True),
        ("DEADLINE_EXCEEDED: Barrier timed out", True),
        ("the Coordination Service agent is in error", True),
        ("task missed its Heartbeat", True),
        ("ValueError: boom", False),
        ("exit code 3", False),
    ],
)
def test_runtime_errors_are_known_by_their_text(text, expected):
    """Whatever the case of its letters."""
    assert is_runtime(text) is expected


def test_a_broken_stream_is_a_soft_sign_that_passes():
    """It is withdrawn when its process is back, and hard once it is lost."""
    found = members(2)
    assert sign(found) is None
    found.link(1, False, 1.0)
    assert sign(found) == (1, "disconnected", False)
    found.link(1, True, 2.0)
    assert sign(found) is None
    found.link(1, False, 3.0)
    found.tick(3.0 + LOST_AFTER)
    assert sign(found) == (1, "lost", True)
    join(found, 1, 50.0)
    assert sign(found) is None


def test_a_failure_is_a_hard_sign_at_once():
    """It is not gone yet, it stays failed when it reconnects, and nothing it says betters it."""
    found = members(2)
    assert found.failed(1, "failure", "ValueError: boom", 1.0) == []
    assert sign(found) == (1, "failure", True)
    assert states(found) == ["running", "running"]
    found.link(1, False, 2.0)
    join(found, 1, 3.0)
    assert sign(found) == (1, "failure", True)
    found.finalized(1, "success", 4.0)
    found.goodbye(1, "", 5.0)
    found.goodbye(0, "success", 5.0)
    assert end(found) == ("failure", "process 1 on host1: failure (ValueError: boom)")


def test_a_new_life_has_not_failed():
    """What a process told of is held against that life only."""
    found = members(1)
    found.failed(0, "failure", "ValueError: boom", 1.0)
    join(found, 0, 2.0, life=1)
    assert sign(found) is None
    found.goodbye(0, "success", 3.0)
    assert end(found) == ("success", "")


def test_a_failure_counts_for_its_chapter():
    """After the verdict on it the process may succeed; before that it may not."""
    for over, expected in ((True, "success"), (False, "failure")):
        found = members(1)
        found.failed(0, "failure", "ValueError: boom", 1.0)
        found.finalized(0, "failure", 2.0)
        if over:
            found.next_chapter()
            assert judged(found)[2] == "process 0 on host0: failure (ValueError: boom)"
        found.active(0, 3.0)
        found.finalized(0, "success", 4.0)
        assert judged(found)[0] == expected


def test_the_worse_of_two_reports_counts():
    """Interrupted, then failed: failed; a later `nan` or `unfinished` changes nothing."""
    found = members(2)
    found.failed(0, "interrupted", "KeyboardInterrupt", 1.0)
    found.goodbye(0, "unfinished", 2.0)
    found.goodbye(1, "success", 2.0)
    assert judged(found)[0] == "interrupted"
    found = members(1)
    found.failed(0, "interrupted", "KeyboardInterrupt", 1.0)
    found.goodbye(0, "failure", 2.0, error="ValueError: while it stopped")
    assert judged(found) == (
        "failure",
        True,
        "process 0 on host0: failure (ValueError: while it stopped)",
    )


def test_finalize_and_goodbye_name_their_error():
    """An error counts with a failure; a success within an ``except`` block is a success."""
    found = members(2)
    found.finalized(0, "success", 1.0, error="StopIteration: ")
    found.finalized(1, "failure", 1.0, error="ValueError: boom")
    assert judged(found)[2] == "process 1 on host1: failure (ValueError: boom)"


def test_a_missed_stop_step_is_a_failure():
    """Whatever the process reports afterwards."""
    found = members(2)
    found.missed(1, "missed stop step 120 (it was at 125)", 1.0)
    assert sign(found) == (1, "failure", True)
    for process in (0, 1):
        found.goodbye(process, "nan", 2.0)
    assert end(found)[1] == "process 1 on host1: failure (missed stop step 120 (it was at 125))"


@pytest.mark.parametrize("early", [True, False])
def test_collective_errors_follow_from_a_kill(early):
    """Peers of a killed process raise at once, perhaps before its stream breaks: not causes."""
    found = members(4)
    if not early:
        found.link(2, False, 1.0)
    for process in (0, 1, 3):
        found.failed(process, "failure", GLOO, 1.1)
    if early:
        assert sign(found) == (0, "failure", True)
        found.link(2, False, 3.0)
    assert sign(found) == (2, "disconnected", False)
    found.exited(2, None, signal.SIGKILL, True, 3.1)
    for process in (0, 1, 3):
        found.goodbye(process, "failure", 4.0)
        found.exited(process, None, signal.SIGTERM, False, 5.0)
    assert end(found) == (
        "lost",
        "process 2 on host2: lost (it was ended by SIGKILL); 3 others failed as a consequence",
    )


def test_a_collective_error_long_before_is_a_cause():
    """Nothing explains it within two seconds."""
    found = members(2)
    found.failed(0, "failure", GLOO, 1.0)
    found.failed(1, "failure", "ValueError: boom", 3.1)
    assert sign(found) == (0, "failure", True)
    assert end(found)[1].startswith("process 0 on host0: failure (ValueError: UNKNOWN: Gloo")


def test_if_all_are_runtime_errors_the_first_is_the_cause():
    """The others follow from it."""
    found = members(3)
    for process in (1, 0, 2):
        found.failed(process, "failure", GLOO, 1.0)
    status, cause = end(found)
    assert status == "failure"
    assert cause.startswith("process 1 on host1")
    assert cause.endswith("; 2 others failed as a consequence")


def test_aborts_of_jaxs_runtime_are_consequences():
    """Process 0 is killed, and all others are aborted."""
    found = members(3)
    found.exited(1, None, signal.SIGABRT, True, 1.0)
    found.exited(0, None, signal.SIGKILL, True, 1.2)
    found.exited(2, None, signal.SIGABRT, True, 1.3)
    status, cause = end(found)
    assert (status, cause[:18]) == ("lost", "process 0 on host0")


def test_out_of_memory_is_said():
    """The kernel's kill for want of memory is told from any other."""
    found = members(1)
    found.exited(0, None, signal.SIGKILL, True, 1.0, out_of_memory=True)
    assert end(found) == (
        "lost",
        "process 0 on host0: lost (it was ended by SIGKILL: out of memory)",
    )


def test_an_interrupt_explains_what_others_met():
    """One process is interrupted, and its peers' collectives fail."""
    found = members(3)
    found.failed(1, "interrupted", "KeyboardInterrupt", 1.0)
    for process in (0, 2):
        found.failed(process, "failure", GLOO, 1.1)
    status, cause = end(found)
    assert status == "interrupted"
    assert (
        cause
        == "process 1 on host1: interrupted (KeyboardInterrupt); 2 others failed as a consequence"
    )


def test_the_launcher_ends_the_one_that_failed():
    """It hangs in JAX's shutdown barrier until it is ended: it failed all the same."""
    found = members(2)
    found.failed(1, "failure", "ValueError: boom", 1.0)
    for process in (0, 1):
        found.exited(process, None, signal.SIGTERM, False, 5.0)
    assert end(found)[1] == "process 1 on host1: failure (ValueError: boom)"


def test_what_the_launchers_signal_does_to_a_process_is_no_cause():
    """A process that makes an exception of SIGTERM fails because of the one before it."""
    found = members(2)
    found.failed(0, "interrupted", "KeyboardInterrupt", 1.0)
    found.failed(1, "failure", "exit code 143", 2.0)
    found.exited(1, 143, None, False, 2.1)
    assert end(found)[0] == "interrupted"


def test_an_end_without_finalize_stops_nobody():
    """It is no first sign, but the verdict is `unfinished`."""
    found = members(2)
    found.goodbye(1, "", 1.0)
    assert sign(found) is None
    found.goodbye(0, "success", 2.0)
    found.exited(1, 0, None, True, 2.0)
    assert end(found)[0] == "unfinished"


def test_an_exit_report_waits_for_what_is_still_unread():
    """A finalize may be on its way; until then the sign may pass."""
    found = members(2)
    found.exited(1, None, signal.SIGTERM, True, 1.0)
    assert sign(found) == (1, "preempted", False)
    found.finalized(1, "success", 1.1)
    assert sign(found) is None
    found.exited(0, 3, None, True, 2.0)
    found.link(0, False, 2.1)
    assert sign(found) == (0, "failure", True)

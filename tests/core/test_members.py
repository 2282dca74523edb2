"""How processes stand, and the verdict from it."""

import signal

import pytest
from kit_members import LOST_AFTER, join, judged, members, states, steps

from podlog.coordinator.core.member import State
from podlog.coordinator.core.verdict import verdict

# ------------------------------------------------------------------------- members


def test_a_life_that_ends_well():
    """joining, running, done, goodbye; settled when all are there."""
    found = members(1, joined=False)
    assert found.live() == (0,)
    assert steps(found.joined(0, "h", 5, 1.0)) == [(0, "running")]
    assert steps(found.finalized(0, "success", 2.0)) == [(0, "done")]
    assert not found.settled()
    assert steps(found.goodbye(0, "", 3.0)) == [(0, "goodbye")]
    assert found.settled()
    assert found.live() == ()
    assert found.goodbye(0, "failure", 4.0) == []
    assert judged(found) == ("success", True, "")


def test_a_broken_connection_is_lost_after_a_while():
    """A process that does not return within lost_after_s is lost; one that does runs on."""
    found = members(2)
    assert steps(found.link(1, False, 10.0)) == [(1, "disconnected")]
    assert found.next_deadline() == 10.0 + LOST_AFTER
    assert found.tick(39.0) == []
    assert steps(found.link(1, True, 39.0)) == [(1, "running")]
    assert found.next_deadline() is None
    found.link(1, False, 50.0)
    assert steps(found.tick(80.0)) == [(1, "lost")]
    assert found.live() == (0,)
    assert steps(found.joined(1, "host1", 101, 90.0)) == [(1, "running")]


def test_a_gone_pid_is_lost_at_once():
    """As soon as its stream has been read to the end."""
    found = members(1)
    assert found.pid_gone(0, 1.0) == []
    assert steps(found.link(0, False, 1.1)) == [(0, "lost")]


def test_a_goodbye_still_in_the_stream_counts():
    """The launcher's word may come before what the process itself said."""
    found = members(1)
    found.finalized(0, "success", 1.0)
    found.exited(0, 0, None, True, 1.0)
    assert states(found) == ["done"]
    found.goodbye(0, "", 1.1)
    found.link(0, False, 1.2)
    assert judged(found) == ("success", True, "")


def test_one_that_is_done_needs_no_goodbye():
    """A finished process whose connection goes has ended as it said."""
    found = members(1)
    found.finalized(0, "nan", 1.0)
    found.link(0, False, 2.0)
    assert steps(found.tick(2.0 + LOST_AFTER)) == [(0, "goodbye")]
    assert judged(found)[0] == "nan"


def test_one_that_never_joined_is_lost_after_the_others_ended():
    """Nobody waits for ever for a process that does not come."""
    found = members(2, joined=False)
    found.joined(0, "h", 5, 0.0)
    assert found.tick(1000.0) == []
    found.goodbye(0, "success", 1000.0)
    assert found.tick(1000.0 + LOST_AFTER - 1) == []
    assert steps(found.tick(1000.0 + LOST_AFTER)) == [(1, "lost")]


def test_all_ended_loses_the_silent_at_once():
    """When the launcher says that all ended, only open streams are still read."""
    found = members(2)
    found.link(0, False, 1.0)
    assert steps(found.all_ended(1.0)) == [(0, "lost")]
    assert steps(found.link(1, False, 2.0)) == [(1, "lost")]
    assert found.settled()


def test_records_after_finalize_open_a_chapter():
    """A done process that logs again runs again, and can be done again."""
    found = members(1)
    found.finalized(0, "failure", 1.0)
    assert steps(found.active(0, 2.0)) == [(0, "running")]
    assert found.active(0, 2.0) == []
    found.finalized(0, "success", 3.0)
    assert judged(found) == ("success", True, "")


def test_an_evaluation_after_finalize_keeps_what_was_reported():
    """Who finalized, logged again and ended well did what it said; a new life says it anew."""
    found = members(1)
    found.finalized(0, "success", 1.0)
    found.active(0, 2.0)
    found.goodbye(0, "", 3.0)
    assert found.all()[0].status == "success"
    found.joined(0, "host", 7, 4.0)
    found.goodbye(0, "", 5.0)
    assert found.all()[0].status == "unfinished"


def test_a_new_life_withdraws_what_was_seen():
    """A process that comes back in a new life is no cause of anything."""
    found = members(2)
    found.exited(1, None, signal.SIGKILL, True, 1.0)
    found.link(1, False, 1.0)
    assert states(found) == ["running", "lost"]
    found.joined(1, "host1", 999, 2.0)
    for process in (0, 1):
        found.finalized(process, "success", 3.0)
    assert judged(found) == ("success", True, "")


# ------------------------------------------------------------------------- verdict


def test_a_verdict_waits_for_all():
    """Until every process is done it is not final and names whom it waits for."""
    found = members(3)
    found.finalized(1, "success", 1.0)
    result = verdict(found.all(), chapter=4)
    assert (result.final, result.waiting_for, result.chapter) == (False, (0, 2), 4)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["success", "success"], "success"),
        (["success", "nan"], "nan"),
        (["preempted", "interrupted"], "interrupted"),
        (["success", "error"], "failure"),
        (["nan", "failure"], "failure"),
        (["success", "early stop"], "early stop"),
        (["early stop", "preempted"], "preempted"),
    ],
)
def test_statuses_are_ranked(statuses, expected):
    """What processes reported, in the order of how much it counts."""
    found = members(len(statuses))
    for process, status in enumerate(statuses):
        found.finalized(process, status, 1.0)
    assert judged(found)[:2] == (expected, True)


@pytest.mark.parametrize(
    ("code", "number", "expected"),
    [
        (0, None, "unfinished"),
        (3, None, "failure"),
        (None, signal.SIGKILL, "lost"),
        (None, signal.SIGSEGV, "lost"),
        (None, signal.SIGTERM, "preempted"),
        (None, signal.SIGINT, "interrupted"),
        (None, 99, "lost"),
    ],
)
def test_exits_without_a_report(code, number, expected):
    """The launcher's word on a process that said nothing itself."""
    found = members(1)
    found.exited(0, code, number, True, 1.0)
    found.link(0, False, 1.0)
    status, final, cause = judged(found)
    assert (status, final) == (expected, True)
    assert cause.startswith(f"process 0 on host0: {expected} (")


def test_an_exit_code_tells_more_than_unfinished():
    """A process that left by an exit code without finalize has failed."""
    found = members(1)
    found.goodbye(0, "unfinished", 1.0)
    found.exited(0, 3, None, True, 1.1)
    found.link(0, False, 1.2)
    assert judged(found)[0] == "failure"


def test_the_first_sign_is_the_root_cause():
    """Of several hard ends the one seen first is named, whatever came of it."""
    found = members(3)
    found.link(2, False, 1.0)
    found.finalized(0, "failure", 2.0)
    found.goodbye(1, "failure", 2.0)
    found.tick(1.0 + LOST_AFTER)
    status, final, cause = judged(found)
    assert (status, final) == ("lost", True)
    assert cause.startswith("process 2 on host2: lost")


def test_what_the_launcher_ended_is_no_cause():
    """Processes that the launcher killed after a failure are not blamed."""
    found = members(2)
    found.exited(0, None, signal.SIGKILL, False, 1.0)
    found.exited(1, 1, None, True, 1.1)
    for process in (0, 1):
        found.link(process, False, 2.0)
    status, _, cause = judged(found)
    assert (status, cause[:9]) == ("failure", "process 1")


@pytest.mark.parametrize("caused", [True, False])
def test_what_is_read_of_it_after_its_end_does_not_bring_it_back(caused):
    """Its last connection came before the launcher's word, and was read behind it."""
    found = members(2)
    found.link(1, False, 1.0)
    assert steps(found.exited(1, 3, None, caused, 1.1)) == [(1, "lost")]
    join(found, 1, 1.2)
    assert steps(found.link(1, False, 1.3)) == [(1, "lost")]
    found.finalized(0, "success", 2.0)
    member = found.member(1)
    assert (member.reason, member.caused) == ("it ended with exit code 3", caused)
    assert judged(found)[:2] == ("failure", True)


def test_a_record_read_after_its_end_does_not_bring_it_back():
    """It had finalized and went on; its launcher's word came before its last records."""
    found = members(1)
    found.finalized(0, "success", 1.0)
    found.exited(0, None, signal.SIGKILL, True, 2.0)
    assert steps(found.active(0, 2.1)) == [(0, "running")]
    assert steps(found.link(0, False, 2.2)) == [(0, "lost")]
    assert judged(found)[2] == "process 0 on host0: lost (it was ended by SIGKILL)"


def test_those_that_nobody_saw_end_went_with_their_launcher():
    """What is known of them counts more."""
    found = members(4)
    found.finalized(1, "success", 0.5)
    found.failed(2, "failure", "ValueError: boom", 0.5)
    found.goodbye(3, "", 0.5)
    for process in range(4):
        found.link(process, False, 1.0)
    found.all_ended(2.0, unwatched=True)
    assert states(found) == ["lost", "goodbye", "lost", "goodbye"]
    assert [m.status for m in found.all()] == ["lost", "success", "failure", "unfinished"]
    assert found.member(0).reason == "its launcher is gone"
    assert judged(found)[2] == "process 2 on host2: failure (ValueError: boom)"


def test_a_signal_of_the_launcher_is_the_first_sign():
    """Unless everybody had finished well before it."""
    found = members(1)
    found.exited(0, None, signal.SIGKILL, False, 1.0)
    found.all_ended(1.0)
    found.link(0, False, 1.0)
    assert judged(found, signal.SIGINT) == ("interrupted", True, "the launcher received SIGINT")

    well = members(1)
    well.goodbye(0, "success", 1.0)
    well.all_ended(2.0)
    assert judged(well, signal.SIGTERM)[0] == "success"


def test_states_are_named():
    """The words people see."""
    assert [s.value for s in State] == [
        "joining", "running", "stalled", "disconnected", "lost", "done", "goodbye",
    ]  # fmt: skip

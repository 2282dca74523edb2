"""Who is silent for too long, who only waits, and who has not come along."""

import itertools

import pytest
from kit_members import beat, join, members, states, steps

from podlog.coordinator.core.stalls import limit
from podlog.proto.config import TimingConfig


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 15.0),
        ({"longest": 10.0}, 50.0),
        ({"longest": 0.0}, None),
        ({"quiet": True}, None),
        ({"phase": "checkpoint"}, 1800.0),
        ({"phase": "checkpoint", "longest": 600.0}, 3000.0),
        ({"phase": "checkpoint", "longest": 0.0}, None),
        ({"phase": "data"}, 15.0),
    ],
)
def test_how_long_a_process_may_be_silent(more, expected):
    """Five times the longest wait, but at least stall_after_s; without history for ever."""
    assert limit(beat(**more), TimingConfig()) == expected


def test_one_that_never_sent_a_heartbeat_is_not_judged():
    """Nothing is known of it, however long it takes."""
    found = members(2)
    assert found.next_deadline() is None
    assert found.tick(1e6) == []
    assert states(found) == ["running", "running"]


def test_a_frozen_training_thread_is_stalled_and_goes_on():
    """Heartbeats go on and say how long it is silent; the first call ends it."""
    found = members(2)
    for now in (0.0, 5.0, 10.0):
        assert found.heartbeat(0, beat(int(now)), now) == []
        assert found.heartbeat(1, beat(7, idle=now, phase="data", last="phase"), now) == []
        assert found.tick(now) == []
    found.heartbeat(1, beat(7, idle=15.2, phase="data", last="phase"), 15.2)
    assert found.next_deadline() == 15.2
    (change,) = found.tick(15.2)
    assert (change.process, change.after.value) == (1, "stalled")
    assert (
        change.reason
        == "no call for 15 s in phase 'data' of mode 'train', at step 7, phase was the last"
    )
    assert found.stalled() == (1,)
    assert found.culprit() == 1
    assert found.running(1)
    assert found.member(1).connected
    assert found.heartbeat(1, beat(7, idle=20.0, phase="data", last="phase"), 20.0) == []
    assert steps(found.heartbeat(1, beat(8, longest=20.0), 25.0)) == [(1, "running")]
    assert found.member(1).reason == "it goes on"
    assert found.culprit() is None


def test_a_stopped_process_goes_on_being_silent():
    """No heartbeat comes any more: it is idle since its last call, but not between two of them."""
    found = members(1, heartbeat_s=20.0)
    found.heartbeat(0, beat(), 0.0)
    assert found.next_deadline() == 40.0
    assert found.tick(39.9) == []
    assert steps(found.tick(40.0)) == [(0, "stalled")]
    assert "no heartbeat for 40 s" in found.member(0).reason


def test_a_long_compile_or_checkpoint_is_no_stall():
    """Twenty minutes of either raise no alarm."""
    found = members(2)
    for now in range(0, 1800, 5):
        found.heartbeat(0, beat(quiet=True), float(now))
        found.heartbeat(1, beat(phase="checkpoint", idle=float(now)), float(now))
        assert found.tick(float(now)) == []
    found.heartbeat(0, beat(quiet=True), 1805.0)
    assert steps(found.tick(1805.0)) == [(1, "stalled")]


def test_all_stall_and_one_is_to_blame():
    """The least far; of those, the first that was silent; the others wait for it."""
    found = members(4)
    for process, (step, idle) in enumerate([(8, 15.0), (7, 15.1), (7, 15.3), (8, 16.0)]):
        found.heartbeat(process, beat(step, idle=idle), 20.0)
    assert len(found.tick(20.0)) == 4
    assert found.culprit() == 2
    assert [m.reason for m in found.all() if m.process != 2] == ["waiting for process 2"] * 3


def test_over_several_modes_gates_are_compared():
    """A step of evaluation says nothing about one of training."""
    found = members(2)
    found.heartbeat(0, beat(3, idle=20.0, mode="val", gate=100), 20.0)
    found.heartbeat(1, beat(99, idle=20.0, gate=99), 20.0)
    found.tick(20.0)
    assert found.culprit() == 1


def test_the_last_call_is_what_the_quickest_heartbeat_says():
    """A heartbeat that was late on its way does not make its process look silent for less long."""
    found = members(2)
    found.heartbeat(0, beat(7, idle=5.0), 5.002)
    found.heartbeat(1, beat(7, idle=5.0), 5.001)
    found.heartbeat(0, beat(7, idle=20.0), 20.000)
    found.heartbeat(1, beat(7, idle=20.0), 20.300)
    found.tick(20.5)
    assert found.member(1).called == pytest.approx(0.001)
    assert found.culprit() == 0


def test_they_wait_for_one_with_whom_something_is_wrong():
    """A broken stream explains why the others are silent; none of them is to blame."""
    found = members(3)
    for process in range(3):
        found.heartbeat(process, beat(7), 0.0)
    found.link(2, False, 1.0)
    assert steps(found.tick(15.0)) == [(0, "stalled"), (1, "stalled")]
    assert found.culprit() is None
    assert {found.member(p).reason for p in (0, 1)} == {"waiting for process 2"}


@pytest.mark.parametrize("event", ["failed", "exited"])
def test_whose_end_is_known_does_not_stall(event):
    """A process that hangs in JAX's shutdown barrier after it failed is not asked for stacks."""
    found = members(1)
    found.heartbeat(0, beat(), 0.0)
    if event == "failed":
        found.failed(0, "failure", "ValueError: boom", 1.0)
    else:
        found.exited(0, 1, None, True, 1.0)
    assert found.tick(100.0) == []
    assert found.next_deadline() is None


def test_a_stalled_process_ends_as_any_other():
    """It can lose its link, come back unheard, finalize and say goodbye."""
    found = members(1)
    found.heartbeat(0, beat(), 0.0)
    found.tick(15.0)
    assert steps(found.link(0, False, 16.0)) == [(0, "disconnected")]
    assert steps(join(found, 0, 17.0)) == [(0, "running")]
    assert found.next_deadline() is None
    found.heartbeat(0, beat(idle=20.0), 20.0)
    assert steps(found.tick(20.0)) == [(0, "stalled")]
    assert steps(found.finalized(0, "success", 21.0)) == [(0, "done")]
    assert found.tick(1000.0) == []
    assert steps(found.goodbye(0, "", 1001.0)) == [(0, "goodbye")]


# ------------------------------------------------------------------------- behind


def entered(**counts: int):
    return beat(entered=counts, training=1, quiet=True)


def test_one_that_does_not_enter_a_mode_is_named_once():
    """By name, row_timeout_s after all others did; not again unless it falls behind again."""
    found = members(3, row_timeout_s=30.0)
    for process in range(3):
        found.heartbeat(process, entered(train=1), 0.0)
    found.heartbeat(0, entered(train=2), 10.0)
    assert found.next_deadline() is None
    found.heartbeat(1, entered(train=2), 12.0)
    assert found.next_deadline() == 42.0
    assert found.behind(41.0) == []
    found.tick(42.0)
    assert found.next_deadline() is None
    line = "process 2 has not entered mode 'train' for the 2nd time, which all others did 30 s ago"
    assert found.behind(42.0) == [(2, line)]
    assert found.behind(500.0) == []
    found.heartbeat(2, entered(train=2), 501.0)
    for process in (0, 1):
        found.heartbeat(process, entered(train=3), 502.0)
    assert found.behind(532.0)[0][1].startswith(
        "process 2 has not entered mode 'train' for the 3rd"
    )


def test_one_that_catches_up_in_time_is_not_named():
    """Nor is one among several that did not: they may well be right."""
    found = members(4, row_timeout_s=30.0)
    for process in range(4):
        found.heartbeat(process, entered(train=1), 0.0)
    found.heartbeat(0, entered(train=1, val=1), 1.0)
    assert found.behind(1000.0) == []
    for process in (1, 2):
        found.heartbeat(process, entered(train=1, val=1), 1000.0)
    found.heartbeat(3, entered(train=1, val=1), 1020.0)
    assert found.behind(2000.0) == []


def test_a_training_behind_is_behind():
    """Counts are of one training; who has not begun it has entered nothing in it."""
    found = members(2, row_timeout_s=30.0)
    found.heartbeat(0, beat(entered={"train": 1}, training=2), 0.0)
    found.heartbeat(1, beat(entered={"train": 5}, training=1), 0.0)
    assert found.behind(30.0)[0][1].startswith("process 1 has not entered mode 'train' for the 1st")


def test_one_that_does_not_arrive_is_named():
    """When all others have for row_timeout_s; it may still come."""
    found = members(3, joined=False, row_timeout_s=30.0)
    join(found, 0, 0.0)
    found.tick(0.0)
    assert found.next_deadline() is None
    join(found, 1, 5.0)
    found.tick(5.0)
    assert found.next_deadline() == 35.0
    assert found.behind(35.0) == [(2, "process 2 has not arrived, all others did 30 s ago")]
    assert states(found)[2] == "joining"
    assert found.behind(1000.0) == []


def test_alone_nobody_is_behind():
    """A job of one, and a job whose others are gone."""
    found = members(1)
    found.heartbeat(0, entered(train=1), 0.0)
    assert found.next_deadline() is None
    pair = members(2)
    pair.heartbeat(0, entered(train=1), 0.0)
    pair.heartbeat(1, entered(train=2), 0.0)
    pair.goodbye(1, "success", 1.0)
    assert pair.behind(1000.0) == []


def test_numbers_are_spoken_right():
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    for count, word in zip(itertools.count(), ["1st", "2nd", "3rd", "4th"], strict=False):
        found = members(2, row_timeout_s=1.0)
        found.heartbeat(0, entered(train=count), 0.0)
        found.heartbeat(1, entered(train=count + 1), 0.0)
        assert word in found.behind(1.0)[0][1]

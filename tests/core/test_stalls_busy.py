"""Who waits for one that is busy, and not stuck, is not silent by itself."""

import pytest
from kit_members import beat, join, members, steps

LONG = 600.0


@pytest.mark.parametrize(
    "doing",
    [
        {"phase": "checkpoint"},
        {"phase": "compile", "quiet": True},
        {"phase": "podlog", "quiet": True},
        {"mode": "default", "quiet": True, "entered": {"train": 1}},
    ],
)
def test_the_others_wait_for_one_that_is_busy(doing):
    """Nobody is stalled; once it goes on, the others have their whole time again."""
    found = members(3)
    for now in (0.0, LONG):
        for process in (1, 2):
            found.heartbeat(process, beat(7, idle=now), now)
        found.heartbeat(0, beat(7, idle=now, **doing), now)
        assert found.tick(now) == []
    found.heartbeat(0, beat(8), LONG + 1)
    assert found.tick(LONG + 1) == [], "their heartbeats may be old"
    found.heartbeat(1, beat(8, longest=1.0), LONG + 1)
    found.heartbeat(0, beat(9), LONG + 15)
    found.heartbeat(1, beat(9), LONG + 15)
    assert found.tick(LONG + 15.9) == []
    assert steps(found.tick(LONG + 16)) == [(2, "stalled")]


@pytest.mark.parametrize(
    "doing",
    [
        {"step": 8, "phase": "checkpoint"},
        {"step": 7, "phase": "data"},
        {"step": 0, "mode": "default", "quiet": True},
        {"step": 0, "mode": "default", "phase": "serve", "quiet": True},
        {"step": 7, "phase": "compile", "quiet": True, "training": 1},
    ],
)
def test_not_everything_excuses(doing):
    """It is further on, or in another training, or takes no part in any mode."""
    found = members(2)
    found.heartbeat(0, beat(**doing), 0.0)
    found.heartbeat(1, beat(7), 0.0)
    found.heartbeat(1, beat(7, idle=20.0), 20.0)
    assert (1, "stalled") in steps(found.tick(20.0))


def test_no_two_excuse_each_other():
    """A checkpoint of all that hangs is a stall after its own long time."""
    found = members(2)
    for process in (0, 1):
        found.heartbeat(process, beat(7, phase="checkpoint"), 0.0)
    assert found.next_deadline() == 1800.0
    assert steps(found.tick(1800.0)) == [(0, "stalled"), (1, "stalled")]


def test_a_checkpoint_that_hangs():
    """Whoever hangs in it is named after its long time, and the others wait for it."""
    found = members(3)
    found.heartbeat(1, beat(7, phase="checkpoint"), 0.0)
    for process in (0, 2):
        found.heartbeat(process, beat(7), 2.0)
    assert found.next_deadline() == 1800.0
    assert steps(found.tick(1800.0)) == [(0, "stalled"), (1, "stalled"), (2, "stalled")]
    assert found.culprit() == 1
    assert found.member(0).reason == "waiting for process 1"


def test_one_that_was_busy_when_it_was_lost():
    """It excuses nobody any more."""
    found = members(2)
    found.heartbeat(0, beat(7, phase="checkpoint"), 0.0)
    found.heartbeat(1, beat(7), 0.0)
    assert found.tick(100.0) == []
    found.link(0, False, 100.0)
    assert (1, "stalled") in steps(found.tick(101.0))


def test_the_one_to_blame_has_the_first_turn():
    """What it says of itself may come one heartbeat after the others have said it."""
    found = members(3, heartbeat_s=5.0)
    for process, step in enumerate([8, 7, 8]):
        found.heartbeat(process, beat(step, idle=14.0), 14.0)
    found.heartbeat(0, beat(8, idle=16.0), 16.0)
    found.heartbeat(2, beat(8, idle=16.0), 16.0)
    assert found.tick(16.0) == []
    found.heartbeat(1, beat(7, idle=18.0), 18.0)
    assert steps(found.tick(18.0)) == [(0, "stalled"), (1, "stalled"), (2, "stalled")]
    assert found.culprit() == 1
    assert found.member(0).reason == found.member(2).reason == "waiting for process 1"


def test_one_that_is_far_behind_and_goes_on_hides_nobody():
    """A process whose steps are its own only delays the alarm."""
    found = members(2, heartbeat_s=5.0)
    found.heartbeat(1, beat(1000), 0.0)
    for now in range(0, 25, 5):
        found.heartbeat(0, beat(now), float(now))
        assert found.tick(float(now)) == []
    found.heartbeat(1, beat(1000, idle=27.0), 27.0)
    assert steps(found.tick(27.0)) == [(1, "stalled")]


def test_within_a_step_calls_are_counted():
    """The one that left its data phase waits for the one that did not, whatever clocks say."""
    found = members(2)
    found.heartbeat(0, beat(7, idle=20.01, calls=2), 20.0)
    found.heartbeat(1, beat(7, idle=20.0, calls=1, phase="data"), 20.0)
    found.tick(20.0)
    assert found.culprit() == 1


def test_one_without_a_history_is_to_blame():
    """Its first batch never comes: nobody knows how long that takes, but the others know better."""
    found = members(3)
    for now in (0.0, 20.0):
        found.heartbeat(0, beat(7, idle=now), now)
        found.heartbeat(1, beat(6, idle=now, longest=0.0, phase="data"), now)
        found.heartbeat(2, beat(9, idle=now, longest=0.0), now)
    assert steps(found.tick(20.0)) == [(0, "stalled"), (1, "stalled")]
    assert found.culprit() == 1
    assert found.heartbeat(1, beat(6, idle=30.0, longest=0.0, phase="data"), 30.0) == []
    assert steps(found.heartbeat(1, beat(7, longest=31.0), 31.0)) == [(1, "running")]


@pytest.mark.parametrize(
    "said",
    [
        {"step": 0, "mode": "default", "quiet": True, "longest": 0.0},
        {"step": 19, "longest": 0.0},
        {"step": 19, "idle": 0.0, "calls": 3},
        {"step": 20, "idle": 0.0, "calls": 3},
    ],
)
def test_one_that_froze_whole_is_to_blame(said):
    """Its last heartbeat may be from before its training, or from the step the others are at."""
    found = members(3, heartbeat_s=0.5, stall_after_s=2.0)
    found.heartbeat(1, beat(**said), 10.0)
    for tenth in range(100, 136, 5):
        now = tenth / 10
        for process in (0, 2):
            found.heartbeat(process, beat(20, idle=now - 10.0, calls=2, longest=0.1), now)
        found.tick(now)
    assert found.culprit() == 1
    assert found.member(0).reason == "waiting for process 1"
    assert found.member(1).reason.startswith("no heartbeat for ")
    assert steps(found.heartbeat(1, beat(20, calls=4, longest=2.5), 14.0)) == [(1, "running")]


def test_one_that_never_sent_a_heartbeat_may_be_to_blame():
    """It was stopped before its first."""
    found = members(2, heartbeat_s=0.5, stall_after_s=2.0)
    found.heartbeat(0, beat(1, longest=0.1), 0.1)
    found.heartbeat(0, beat(1, idle=2.5, longest=0.1), 2.6)
    found.tick(2.6)
    assert found.culprit() == 1


def test_who_looked_away_judges_nobody_before_it_has_read_what_came():
    """The coordinator was stopped: heartbeats wait to be read, and broken connections come back."""
    found = members(3, heartbeat_s=5.0)
    for process in (0, 1):
        found.heartbeat(process, beat(7), 0.0)
    found.link(2, False, 0.0)
    found.away(100.0)
    assert found.tick(100.0) == []
    assert found.next_deadline() == 110.0
    found.heartbeat(0, beat(90), 101.0)
    join(found, 2, 102.0)
    assert steps(found.tick(110.0)) == [(1, "stalled")]


def test_who_looks_away_again_and_again_judges_all_the_same():
    """A disk that takes more than a second each time: half of the time is for judging."""
    found = members(2, heartbeat_s=5.0)
    found.link(1, False, 0.0)
    for second in range(60):
        found.away(float(second))
        if found.tick(float(second)):
            break
    assert 30 <= second <= 50

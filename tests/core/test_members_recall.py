"""A coordinator that was started again judges as if it had not died."""

import pytest
from kit_members import LOST_AFTER, beat, join

from podlog.coordinator.core.member import State
from podlog.coordinator.core.members import Members
from podlog.coordinator.core.verdict import verdict
from podlog.coordinator.restart import dump_member, read_member
from podlog.proto.config import TimingConfig

COUNT = 3


def fresh(now: float = 0.0) -> Members:
    return Members(range(COUNT), TimingConfig(lost_after_s=LOST_AFTER), now)


def again(found: Members, now: float) -> Members:
    """What the next coordinator knows."""
    recalled = fresh(now)
    kept = [dump_member(m) for m in found.all() if m.state is not State.JOINING or m.found]
    recalled.recall([read_member(text, now) for text in kept], now)
    return recalled


@pytest.mark.parametrize("state", [State.DONE, State.GOODBYE, State.LOST])
def test_an_end_stays_as_it_was(state: State) -> None:
    """Who finalized, said goodbye or was lost before the crash did so after it."""
    found = fresh()
    join(found, 1, 0.0)
    if state is State.DONE:
        found.finalized(1, "nan", 1.0)
    elif state is State.GOODBYE:
        found.goodbye(1, "nan", 1.0)
    else:
        found.exited(1, None, 9, True, 1.0)
        found.link(1, False, 1.0)
    before = found.member(1)
    after = again(found, 50.0).member(1)
    assert (after.state, after.status, after.sign) == (state, before.status, before.sign)
    assert (after.host, after.incarnation, after.reason) == ("host1", 101, before.reason)


def test_one_that_ran_has_a_while_to_come_back() -> None:
    """It counts as disconnected since the new coordinator began, and runs on when it returns."""
    found = fresh()
    for process in (0, 1):
        join(found, process, 0.0)
    found = again(found, 1000.0)
    assert [m.state.value for m in found.all()] == ["disconnected", "disconnected", "joining"]
    join(found, 0, 1001.0)
    assert found.next_deadline() == 1000.0 + LOST_AFTER
    found.tick(1000.0 + LOST_AFTER)
    assert [m.state.value for m in found.all()] == ["running", "lost", "joining"]
    assert found.member(0).sign is None


def test_one_whose_end_was_seen_does_not_come_back() -> None:
    """Its stream was being read when the coordinator died: nothing more will come of it."""
    found = fresh()
    join(found, 0, 0.0)
    found.exited(0, 3, None, True, 1.0)
    assert found.member(0).state is State.RUNNING
    assert again(found, 5.0).member(0).state is State.LOST
    assert again(found, 5.0).member(0).status == "failure"


def test_who_died_with_the_coordinator_was_first() -> None:
    """What others report after its restart is a consequence."""
    found = fresh()
    for process in range(COUNT):
        join(found, process, 0.0)
    found = again(found, 10.0)
    for process in (0, 2):
        join(found, process, 11.0)
    found.goodbye(0, "failure", 12.0)
    found.goodbye(2, "success", 12.0)
    found.tick(10.0 + LOST_AFTER)
    assert verdict(found.all()).root_cause.startswith("process 1 on host1: lost")


def test_what_a_process_told_of_outlives_the_coordinator() -> None:
    """Its failure, also when it is back; a stall does not, until it is heard of again."""
    found = fresh()
    for process in range(COUNT):
        join(found, process, 0.0)
    found.failed(1, "failure", "ValueError: boom", 1.0)
    found.heartbeat(2, beat(), 1.0)
    found.heartbeat(0, beat(quiet=True), 15.0)
    found.tick(16.0)
    assert found.stalled() == (2,)
    found = again(found, 20.0)
    assert found.stalled() == ()
    for process in range(COUNT):
        join(found, process, 21.0)
    sign = found.first_sign()
    assert sign is not None
    assert (sign.process, sign.status, sign.reason) == (1, "failure", "ValueError: boom")
    found.heartbeat(0, beat(quiet=True), 41.0)
    found.heartbeat(2, beat(idle=40.0), 41.0)
    found.tick(41.0)
    assert found.stalled() == (2,)


def test_another_machine_counts_seconds_from_elsewhere() -> None:
    """Signs from before are never in its future: what they explain is still explained."""
    found = fresh(10_000.0)
    for process in range(COUNT):
        join(found, process, 10_000.0)
    found.failed(0, "failure", "Gloo all-reduce failed", 10_001.0)
    found.failed(1, "failure", "ValueError: boom", 10_002.0)
    found = again(found, 5.0)
    assert [found.member(p).sign_at for p in (0, 1)] == [4.0, 5.0]
    for process in range(COUNT):
        join(found, process, 6.0)
        found.goodbye(process, "success", 7.0)
    assert verdict(found.all()).root_cause.startswith("process 1 on host1: failure (ValueError")

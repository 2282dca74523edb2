"""A coordinator that was started again judges as if it had not died."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.coordinator.core.member import State
from podlog.coordinator.core.members import Members
from podlog.coordinator.core.verdict import verdict
from podlog.coordinator.restart import dump_member, read_member
from podlog.proto.config import TimingConfig
from podlog.proto.records import Verdict

LOST_AFTER = 30.0
COUNT = 3


def fresh(now: float = 0.0) -> Members:
    return Members(range(COUNT), TimingConfig(lost_after_s=LOST_AFTER), now)


def again(found: Members, now: float) -> Members:
    """What the next coordinator knows."""
    recalled = fresh(now)
    kept = [dump_member(m) for m in found.all() if m.state is not State.JOINING or m.found]
    recalled.recall([read_member(text, now) for text in kept], now)
    return recalled


def join(found: Members, process: int, now: float, life: int = 0) -> None:
    found.joined(process, f"host{process}", 100 + process + 10 * life, now)
    found.link(process, True, now)


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


class Story:
    """Random events, as they happen to one coordinator and to one that dies now and then."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now = 0.0
        self.steady, self.mortal = fresh(), fresh()
        self.lives = [0] * COUNT

    def both(self, event: str, *args: object) -> None:
        for found in (self.steady, self.mortal):
            getattr(found, event)(*args, self.now)

    def happen(self, event: str) -> None:
        self.now += 1.0
        process = self.rng.randrange(COUNT)
        member = self.steady.member(process)
        if event == "restart":
            self.restart()
        elif event in ("join", "new life"):
            if event == "new life":
                self.lives[process] += 1
            for found in (self.steady, self.mortal):
                join(found, process, self.now, self.lives[process])
        elif event == "exit":
            code, signal = self.rng.choice([(0, None), (3, None), (None, 9), (None, 15)])
            self.both("exited", process, code, signal, self.rng.random() < 0.8)
        elif event == "gone" and member.incarnation:
            self.both("pid_gone", process)
        elif event == "break" and member.connected:
            self.both("link", process, False)
        elif member.connected and not member.found:
            status = self.rng.choice(["success", "nan", "failure", "early stop"])
            if event == "finalize":
                self.both("finalized", process, status)
            elif event == "log":
                self.both("active", process)
            elif event == "goodbye":
                self.both("goodbye", process, self.rng.choice(["", status]))

    def restart(self) -> None:
        """What is dead has closed its stream by then; the living come back."""
        for member in self.steady.all():
            if member.connected and member.found:
                self.both("link", member.process, False)
        here = [m.process for m in self.steady.all() if m.connected]
        self.mortal = again(self.mortal, self.now)
        for process in here:
            join(self.mortal, process, self.now, self.lives[process])

    def end(self) -> list[Verdict]:
        """Both verdicts once nobody is left."""
        self.now += 1.0
        self.both("all_ended")
        for process in range(COUNT):
            self.both("link", process, False)
        return [verdict(found.all()) for found in (self.steady, self.mortal)]


events = st.sampled_from(
    ["join", "join", "new life", "break", "finalize", "log", "goodbye", "exit", "gone", "restart"]
)


@settings(deadline=None, max_examples=400)
@given(st.lists(events, max_size=40), st.randoms(use_true_random=False))
def test_restarts_change_no_verdict(story: list[str], rng: random.Random) -> None:
    """Whatever happens before, between and after them."""
    told = Story(rng)
    for event in story:
        told.happen(event)
    steady, mortal = told.end()
    assert steady.final
    assert mortal == steady

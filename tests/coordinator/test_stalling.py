"""Stalls that were told: each is followed by one ``goes_on``, unless the process ends."""

from collections.abc import Iterator

import pytest
from kit_members import beat, join, members

from podlog.coordinator.core.member import Change
from podlog.coordinator.core.members import Members
from podlog.coordinator.journal import Journal
from podlog.coordinator.stalling import Stalling
from podlog.coordinator.streams import Outbox
from podlog.proto.records import Event

JOB = "job"


class Told:
    """Members whose changes are told as `Fate` does."""

    def __init__(self, journal: Journal, count: int = 3) -> None:
        self.events: list[tuple[str, int]] = []
        self.members = members(count, stall_after_s=15.0, heartbeat_s=5.0)
        self._journal = journal
        self.began(self.members)

    def began(self, found: Members) -> None:
        """The coordinator is there, for the first time or again."""
        self.members = found
        self.stalling = Stalling(found, Outbox(), self._on_event, None, self._journal, JOB)

    def restarted(self, now: float) -> None:
        """Memory is built anew from what the journal has."""
        again = members(len(self.members.all()), joined=False)
        again.recall(self.members.all(), now)
        self.began(again)

    def beat(self, process: int, now: float, step: int = 7, idle: float = 0.0) -> None:
        self.apply(self.members.heartbeat(process, beat(step, idle=idle), now))
        self.stalling.heard(process)

    def tick(self, now: float) -> None:
        self.apply(self.members.tick(now))

    def apply(self, changes: list[Change]) -> None:
        self.stalling.changed(changes)

    def stall(self, process: int) -> None:
        """It is silent from 0 on at step 7, while the others wait for it until 60."""
        for now in (0.0, 20.0, 40.0):
            for other in range(len(self.members.all())):
                self.beat(other, now, step=7 + (other != process), idle=now)
            self.tick(now)
        assert self.events == [("stalled", process)]

    def _on_event(self, event: Event, process: int) -> None:
        self.events.append((event.name, process))


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal(None)
    yield made
    made.close()


@pytest.fixture
def told(journal: Journal) -> Told:
    return Told(journal)


def test_one_whose_link_broke_meanwhile_goes_on(told: Told) -> None:
    """As after a SIGSTOP: it connects again before it says that it calls."""
    told.stall(1)
    told.apply(told.members.link(1, False, 41.0))
    told.apply(join(told.members, 1, 42.0))
    told.beat(1, 43.0, idle=43.0)
    assert told.events == [("stalled", 1)], "its link is back, its training thread is not"
    told.beat(1, 48.0, step=8)
    told.beat(1, 53.0, step=9)
    assert told.events == [("stalled", 1), ("goes_on", 1)]


def test_one_that_stalls_on_after_a_broken_link_is_told_once(told: Told) -> None:
    """It is the same silence."""
    told.stall(1)
    told.apply(told.members.link(1, False, 41.0))
    told.apply(join(told.members, 1, 42.0))
    for now in (43.0, 60.0, 80.0):
        told.beat(1, now, idle=now)
        told.tick(now)
    assert told.events == [("stalled", 1)]
    told.beat(1, 85.0, step=8)
    assert told.events == [("stalled", 1), ("goes_on", 1)]


def test_the_first_culprit_goes_on_though_another_is_it_by_now(told: Told) -> None:
    """Both were told, so both are told to go on."""
    for now in (0.0, 20.0, 40.0):
        for process, step in ((0, 20), (1, 10)):
            told.beat(process, now, step=step, idle=now)
        told.beat(2, now, step=5)
        told.tick(now)
    for now in (60.0, 80.0):
        told.beat(2, now, step=5, idle=now - 40.0)
        told.tick(now)
    assert told.events == [("stalled", 1), ("stalled", 2)]
    told.beat(1, 81.0, step=11)
    told.beat(2, 82.0, step=6)
    told.beat(0, 83.0, step=21)
    assert told.events[2:] == [("goes_on", 1), ("goes_on", 2)]


def test_a_coordinator_after_this_one_tells_it(told: Told) -> None:
    """And not that it is stalled, which is told already."""
    told.stall(1)
    told.restarted(50.0)
    for process in range(3):
        told.apply(join(told.members, process, 51.0))
        told.beat(process, 52.0, step=7 + (process != 1), idle=52.0)
    told.tick(70.0)
    assert told.events == [("stalled", 1)]
    told.beat(1, 75.0, step=8)
    assert told.events == [("stalled", 1), ("goes_on", 1)]


def test_an_end_is_told_as_such(told: Told) -> None:
    """One that is lost, or done, does not go on."""
    told.stall(1)
    told.apply(told.members.exited(1, None, 9, True, 41.0))
    told.apply(told.members.link(1, False, 41.0))
    told.apply(join(told.members, 1, 42.0, life=1))
    told.beat(1, 43.0, step=8)
    assert told.events == [("stalled", 1)]


def test_another_job_knows_nothing_of_it(told: Told, journal: Journal) -> None:
    """What was told of this one's processes does not concern it."""
    told.stall(1)
    other = members(3)
    events: list[str] = []
    stalling = Stalling(
        other, Outbox(), lambda event, _: events.append(event.name), None, journal, "other"
    )
    other.heartbeat(1, beat(8), 60.0)
    stalling.heard(1)
    assert events == []

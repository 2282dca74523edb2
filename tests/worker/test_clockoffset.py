"""The offset of two wall clocks, from exchanges with delays, steps and slews."""

import pytest

from podlog.worker.clockoffset import EXCHANGES, ClockOffset


class Two:
    """A worker's clocks and a coordinator's, all made up; `now` is real and monotonic."""

    def __init__(self, ahead: float) -> None:
        self.clock = ClockOffset()
        self.now = 100.0
        self.wall = 1000.0 - self.now  # the worker's wall clock minus `now`
        self.theirs = self.wall + ahead

    def exchange(self, there: float = 0.005, back: float = 0.005, every: float = 5.0) -> None:
        sent = self.now + self.wall
        self.clock.sent(sent, self.now)
        at = self.now + there + self.theirs
        self.clock.replied(sent, at, at + 0.5, self.now + there + 0.5 + back)
        self.now += every

    @property
    def offset(self) -> float:
        return self.clock.at(self.now + self.wall, self.now).offset

    @property
    def round_trip(self) -> float:
        return self.clock.at(self.now + self.wall, self.now).round_trip


@pytest.mark.parametrize("ahead", [0.0, 300.0, -3600.0])
def test_the_quickest_exchange_counts(ahead: float) -> None:
    """Slow and lopsided ones change nothing; the time that the coordinator took is not counted."""
    two = Two(ahead)
    two.exchange(0.2, 0.9)
    two.exchange(0.004, 0.005)
    two.exchange(3.0, 0.1)
    assert two.offset == pytest.approx(ahead, abs=0.001)
    assert two.round_trip == pytest.approx(0.009, abs=1e-6)


def test_nothing_is_claimed_before_an_answer() -> None:
    """An answer to something else is none."""
    two = Two(300.0)
    assert (two.offset, two.round_trip) == (0.0, 0.0)
    two.clock.sent(1.0, 1.0)
    two.clock.replied(2.0, 5.0, 5.0, 2.0)
    two.clock.replied(1.0, float("nan"), 5.0, 2.0)
    assert (two.offset, two.round_trip) == (0.0, 0.0)


def test_a_jump_of_this_clock_is_known_at_once() -> None:
    """Between two heartbeats, and while one is away."""
    two = Two(0.0)
    two.exchange()
    two.wall += 500.0
    assert two.offset == pytest.approx(-500.0, abs=0.01)
    sent = two.now + two.wall
    two.clock.sent(sent, two.now)
    two.wall -= 100.0
    at = two.now + 0.001 + two.theirs
    two.clock.replied(sent, at, at, two.now + 0.002)
    assert two.offset == pytest.approx(-400.0, abs=0.01)


def test_a_jump_of_the_coordinators_clock_makes_the_past_forgotten() -> None:
    """Even if earlier exchanges were quicker."""
    two = Two(0.0)
    two.exchange(0.001, 0.001)
    two.theirs -= 60.0
    two.exchange(0.05, 0.05)
    assert two.offset == pytest.approx(-60.0, abs=0.05)


def test_a_clock_that_is_slewed_is_followed() -> None:
    """500 ppm for an hour: never more than a few milliseconds off."""
    two = Two(0.0)
    for _ in range(720):
        two.exchange(0.001, 0.001)
        two.wall += 0.0025
        assert two.offset == pytest.approx(two.theirs - two.wall, abs=0.02)


def test_what_is_remembered_is_bounded_and_gets_old() -> None:
    """A quick exchange of long ago does not count for ever."""
    two = Two(0.0)
    two.exchange(0.001, 0.001)
    for _ in range(EXCHANGES):
        two.exchange(0.02, 0.02)
    assert two.round_trip == pytest.approx(0.04, abs=1e-6)

"""Who waits longer for its data than the others, chronically or once."""

import random
import statistics
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podlog.coordinator.core.beat import Beat
from podlog.coordinator.core.slow import Slow, Slowness, _median_without

Wait = Callable[[int, int], float]
"""Seconds that a process waits for its data at a step."""


def follow(
    processes: int, steps: int, wait: Wait, *, every: int = 10, step_s: float = 0.5
) -> tuple[Slowness, list[Slow]]:
    """Heartbeats each `every` steps; what was found, and all alarms on the way."""
    slowness, alarms = Slowness(), []
    waited = [0.0] * processes
    for step in range(steps + 1):
        if step % every == 0:
            for process in range(processes):
                beat = Beat(
                    steps=step, phase_seconds={"data": waited[process]}, step_seconds=step_s
                )
                slowness.beat(process, beat)
            alarms += slowness.judge(range(processes), now=float(step))
        waited = [each + wait(process, step) for process, each in enumerate(waited)]
    return slowness, alarms


def test_a_process_alone_is_never_slow():
    """There is nobody to compare it with."""
    slowness, alarms = follow(1, 200, lambda process, step: 1.0)
    assert (slowness.found(), alarms) == ([], [])
    assert slowness.seconds(0) == 1.0


def test_who_marks_no_data_is_not_looked_at():
    """Without the phase nothing is said."""
    slowness, alarms = follow(4, 200, lambda process, step: 0.0)
    assert (slowness.found(), alarms, slowness.seconds(3)) == ([], [], 0.0)


def test_it_is_told_once_and_forgotten_when_it_is_well_again():
    """One alarm an episode; the finding goes some windows after the cause."""

    def wait(process: int, step: int) -> float:
        return 0.15 if process == 1 and (100 <= step < 200 or step >= 400) else 0.1

    slowness, alarms = follow(3, 350, wait)
    assert [slow.process for slow in alarms] == [1]
    assert slowness.found() == []
    slowness, alarms = follow(3, 500, wait)
    assert [slow.process for slow in alarms] == [1, 1]
    assert [(slow.process, slow.chronic) for slow in slowness.found()] == [(1, True)]


def test_what_costs_nothing_is_not_told():
    """Twice as long is no matter where it is a hundredth of a step, or below a millisecond."""
    assert follow(4, 200, lambda p, _: 0.008 if p == 1 else 0.004, step_s=0.5)[1] == []
    assert follow(4, 200, lambda p, _: 0.0008 if p == 1 else 0.0001, step_s=0.002)[1] == []
    assert len(follow(4, 200, lambda p, _: 0.03 if p == 1 else 0.004, step_s=0.5)[1]) == 1


def test_rare_heartbeats_need_more_steps():
    """A window is what lies between two heartbeats, if that is more than ten steps."""
    _, alarms = follow(3, 900, lambda p, _: 0.2 if p == 0 else 0.1, every=100)
    assert [(slow.process, slow.steps) for slow in alarms] == [(0, 500)]


@pytest.mark.parametrize("processes", [2, 8])
def test_noise_alone_is_no_alarm(processes: int):
    """Waits that differ at random, but not by process."""
    dice = random.Random(7)
    _, alarms = follow(processes, 5000, lambda process, step: dice.gammavariate(4.0, 0.025))
    assert alarms == []


@pytest.mark.parametrize("processes", [2, 8])
def test_it_is_found_in_noise_too(processes: int):
    """Later, as more steps are needed to tell."""
    dice = random.Random(7)
    _, alarms = follow(
        processes, 1000, lambda p, _: dice.gammavariate(4.0, 0.035 if p == 1 else 0.025)
    )
    assert {slow.process for slow in alarms} == {1}


def test_a_new_life_begins_anew():
    """Fewer steps than before: what an earlier life waited does not count."""
    slowness = Slowness()
    for steps in (0, 10, 20, 30, 40, 50, 0, 10, 20):
        for process in (0, 1):
            data = steps * (0.2 if process == 0 else 0.1)
            slowness.beat(process, Beat(steps=steps, phase_seconds={"data": data}))
    assert slowness.judge((0, 1), 0.0) == []


def test_who_is_gone_is_not_compared():
    """Only those that run are looked at and looked at against."""
    slowness, _ = follow(2, 100, lambda process, step: 0.2 if process == 0 else 0.1)
    assert [slow.process for slow in slowness.found()] == [0]
    for process in (0, 1):
        slowness.beat(process, Beat(steps=200, phase_seconds={"data": 1.0}))
    assert slowness.judge((0,), 1000.0) == []
    assert slowness.found() == []


@given(st.lists(st.floats(0, 10), min_size=2, max_size=9), st.data())
def test_the_median_of_the_others(values: list[float], data: st.DataObject):
    """As if it were computed from a list without the one."""
    at = data.draw(st.integers(0, len(values) - 1))
    others = values[:at] + values[at + 1 :]
    assert _median_without(sorted(values), values[at]) == statistics.median(others)

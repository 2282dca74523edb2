"""Case 7: which process is slow? One that always waits longer for its data is named."""

from podlog.coordinator.core.beat import Beat
from podlog.coordinator.core.slow import Slow, Slowness

PROCESSES = 4


def follow(extra: dict[int, float], steps: int = 50) -> tuple[list[Slow], list[Slow]]:
    """Process 2 waits `extra` seconds more at some steps; what was found, and the alarms."""
    slowness, alarms = Slowness(), []
    waited = [0.0] * PROCESSES
    for step in range(steps + 1):
        for process in range(PROCESSES):
            beat = Beat(
                steps=step, phase_seconds={"data": waited[process], "": 9.0}, step_seconds=1.0
            )
            slowness.beat(process, beat)
        alarms += slowness.judge(range(PROCESSES), now=2.0 * step)
        for process in range(PROCESSES):
            waited[process] += 0.3 + (extra.get(step, 0.0) if process == 2 else 0.0)
    return slowness.found(), alarms


def test_a_third_more_for_fifty_steps_is_chronic():
    """It is named, with what it waits and what the others do."""
    found, alarms = follow(dict.fromkeys(range(50), 0.09))
    assert [(slow.process, slow.chronic) for slow in found] == [(2, True)]
    assert alarms == found
    assert found[0].text == (
        "process 2 is slow: it waits 390 ms a step for its data, the others 300 ms "
        "(over the last 50 steps)"
    )


def test_one_stall_is_a_one_off():
    """Five seconds once: seen, but no alarm, and forgotten later."""
    found, alarms = follow({25: 5.0})
    assert [(slow.process, slow.chronic) for slow in found] == [(2, False)]
    assert found[0].text == "process 2 once waited 5.0 s longer for its data"
    assert alarms == []
    assert follow({25: 5.0}, steps=100) == ([], [])

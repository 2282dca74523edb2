"""Case 9: a heartbeat timeout fires while a process compiles for a long time."""

import re

from kit_clocked import TIMING, trained

from podlog.coordinator.core.stalls import limit


def test_compile_of_twenty_minutes() -> None:
    """No false alarm, of whoever compiles or of whoever waits for it; its phase is shown."""
    job = trained()
    me = job.phases[0].thread
    job.phases[0].compile_began(me, job.now)
    job.pass_time(1200.0)
    assert job.alarms == []
    beat = job.members.member(0).beat
    assert (beat.phase, beat.quiet, limit(beat, TIMING)) == ("compile", True, None)
    job.phases[0].compile_ended(me, job.now)
    for step in range(11, 15):
        job.step(step)
        job.pass_time(1.0)
    assert job.alarms == []


def test_the_same_silence_without_a_compile() -> None:
    """It is the compile that makes the difference."""
    job = trained()
    job.pass_time(1200.0)
    assert len(job.alarms) == 2
    assert job.alarms[0].startswith("no call for ")
    assert job.alarms[1] == "waiting for process 0"


def test_silence_after_a_compile() -> None:
    """Who is stuck behind its compile is stalled: from the compile's end on it is silent."""
    job = trained()
    me = job.phases[0].thread
    job.phases[0].compile_began(me, job.now)
    job.pass_time(1200.0)
    job.phases[0].compile_ended(me, job.now)
    job.pass_time(10.0)
    assert job.alarms == []
    job.pass_time(30.0)
    found = re.match(r"no call for (\d+) s of mode 'train', at step 10", job.alarms[0])
    assert found is not None
    assert 15 <= int(found[1]) <= 15 + TIMING.heartbeat_s
    assert job.alarms[1:] == ["waiting for process 0"]

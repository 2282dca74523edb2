"""Case 8: a process is stuck but alive, keeps its connection, and the job hangs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit_clocked import trained
from kit_fates import Fate, until

SCRIPT = Path(__file__).parent / "scripts" / "stuck.py"


def test_frozen_by_one_clock() -> None:
    """Both are silent as long; the one that is less far within its step is to blame."""
    job = trained()
    for phases in job.phases:
        with phases.within("data", "phase"):
            pass
    job.step(11)
    stuck = job.phases[1].within("data", "phase")
    with job.phases[0].within("data", "phase"):
        stuck.__enter__()
    job.pass_time(40.0)
    assert job.members.culprit() == 1
    assert job.alarms[0] == "waiting for process 1"
    assert "in phase 'data' of mode 'train', at step 11, phase was the last" in job.alarms[1]
    stuck.__exit__(None, None, None)
    job.step(12)
    job.pass_time(5.0)
    assert job.members.stalled() == ()
    assert job.alarms[2:] == ["it goes on", "it goes on"]


@pytest.mark.processes
@pytest.mark.timeout(120)
def test_frozen_main_thread(start_job: Callable[..., Any], tmp_path: Path) -> None:
    """It is named with the line it is at, and the others wait for it; then it goes on.

    Compiles of all and of one, and a checkpoint of one, which took longer before, are no stalls.
    """
    folder = tmp_path / "steps"
    folder.mkdir()
    job = start_job(SCRIPT, 3, str(folder))
    fate = Fate(job, folder)
    until(lambda: _logged(job, "process 1 on ", " is at "), 60, job)
    until(lambda: (job.run / "stacks" / "process-1-1.txt").exists(), 10, job)
    until(lambda: _logged(job, "process 2 on ", "waiting for process 1"), 10, job)
    until(lambda: _logged(job, "process 0 on ", "waiting for process 1"), 10, job)
    assert not fate.events("first_sign"), "it keeps its connection"
    (folder / "thaw").touch()
    assert job.wait() == 0, job.output

    stalled = fate.events("stalled")
    assert [process for process, _ in stalled] == [1], stalled
    assert "in phase 'data' of mode 'tune', at step 44" in stalled[0][1], stalled
    stacks = dict(fate.events("stacks"))
    assert "stuck.py" in stacks[1] and "in frozen_here" in stacks[1]
    assert all("waiting for process 1" in stacks[process] for process in (0, 2)), stacks
    assert "in all_of_us" in (job.run / "stacks" / "process-0-1.txt").read_text()
    text = (job.run / "stacks" / "process-1-1.txt").read_text()
    assert "(the training thread)" in text and "in report" in text
    assert [process for process, _ in fate.events("goes_on")] == [1]
    assert fate.verdict.status == "success" and fate.verdict.final
    assert {path.read_text() for path in folder.glob("verdict-*")} == {"success"}


def _logged(job: Any, *parts: str) -> bool:
    path = job.run / "output.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return any(all(part in line for part in parts) for line in lines)

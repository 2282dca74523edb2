"""Case 54: SIGKILL of process 0, and of its coordinator, leaves the run as running for ever."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kit_spooled import bare, spooled, wait

from podlog.coordinator.reading import reading


def _watch(run: Path) -> Any:
    command = [sys.executable, "-m", "podlog.cluster.cli", "watch", str(run), "--once"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.processes
@pytest.mark.timeout(150)
def test_outside_readers_see_lost_and_the_next_start_repairs_it(tmp_path: Path) -> None:
    """A reader says so as soon as the lease is over; the journal says so from the next start on."""
    run = tmp_path / "run"
    with bare(tmp_path, 2) as job:
        wait(lambda: spooled(tmp_path, 2, 1, 10), 60, job.output)
        assert _watch(run).returncode == 0
        job.coordinator().suspend()  # else it might see the end of process 0, and settle
        job.processes[0].kill()
        job.coordinator().kill()
        job.wait_gone(30)
    wait(lambda: _watch(run).returncode == 70, 40, job.output)
    assert "lost" in _watch(run).stdout
    with reading(run) as opened:
        assert opened.journal.verdict() is None

    (tmp_path / "stop").touch()
    with bare(tmp_path, 2, job=2) as job:
        assert [process.wait(60) for process in job.processes] == [0, 0]
        job.wait_gone(30)
    with reading(run) as opened:
        events = [item for item in opened.journal.rows_after(0, 100_000) if hasattr(item, "event")]
        verdicts = [item.event.text for item in events if item.event.name == "verdict"]
        assert "lost" in verdicts[0]
        assert "success" in verdicts[-1]
        assert opened.journal.verdict().status == "success"
    assert _watch(run).returncode == 0

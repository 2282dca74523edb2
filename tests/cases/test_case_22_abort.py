"""Case 22: process 0 aborts; the same run is started again and goes on where it was."""

import collections
import json
import os
import signal
from pathlib import Path

import pytest
from kit_spooled import bare, spooled, wait

from podlog.coordinator.cli import audit, audit_text


@pytest.mark.processes
@pytest.mark.timeout(180)
def test_after_sigabrt_the_run_is_appended_to(tmp_path: Path) -> None:
    """Rows of both lives are there, each once; half a line at the end of a file is repaired."""
    with bare(tmp_path, 2, 1) as job:
        wait(lambda: spooled(tmp_path, 2, 1, 40), 60, job.output)
        os.kill(job.processes[0].pid, signal.SIGABRT)
        job.wait_gone(60)
        assert job.processes[0].wait(5) == -signal.SIGABRT
    (table,) = (tmp_path / "run" / "file_logs").glob("metrics_train.jsonl")
    before = table.read_bytes()
    table.write_bytes(before + b'{"log_step": 1, "log_ep')

    with bare(tmp_path, 2, 2) as job:
        wait(lambda: spooled(tmp_path, 2, 2, 40), 60, job.output)
        (tmp_path / "stop").touch()
        job.wait_gone(90)

    rows = [json.loads(line) for line in table.read_text().splitlines()]
    seen = collections.Counter(
        (r["log_step"], r["_podlog"]["attempt"], r["_podlog"]["n"], r["_podlog"]["kind"])
        for r in rows
    )
    assert max(seen.values()) == 1
    assert {attempt for _, attempt, _, _ in seen} == {1, 2}
    assert {step // 1000 for step, *_ in seen} == {1, 2}
    found = audit(tmp_path / "run")
    assert found.ok, audit_text(found)
    assert len(found.lives) == 4
    assert sum(life.stored for life in found.lives) > 160

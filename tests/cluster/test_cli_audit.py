"""`podlog audit` as it is typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from podlog.coordinator.journal import Journal
from podlog.proto import podlog_pb2 as pb


def _audit(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "podlog.cluster.cli", "audit", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=50, stdin=subprocess.DEVNULL, check=False
    )


@pytest.mark.processes
def test_the_exit_status_says_whether_all_is_accounted_for(tmp_path: Path) -> None:
    """0 and a table; 1 and what is missing; 1 and a line where there is no run."""
    with_run = tmp_path / "run"
    journal = Journal(with_run / "journal.sqlite")
    journal.add_process(pb.Hello(process=4, incarnation=7, host="far", spool="/local/spool"))
    journal.set_ack(7, 3)
    journal.close()
    done = _audit(str(with_run))
    last = "OK: all 3 records are accounted for"
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, last)
    assert done.stderr == ""

    journal = Journal(with_run / "journal.sqlite")
    journal.set_made(7, 5)
    journal.close()
    done = _audit(str(with_run), "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["lives"][0]["unaccounted"] == [[4, 5]]
    assert found["ok"] is False

    empty = _audit(str(tmp_path))
    assert empty.returncode == 1
    assert "name the log_path of a run" in empty.stderr

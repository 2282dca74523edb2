"""The fence: one coordinator a run, refused by name, free again when its holder dies."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from podlog.coordinator.fence import Fence, Holder, holder
from podlog.proto.errors import JournalError


def make_fence(folder: Path, *, job: str = "a", host: str = "h1", now: float = 100.0) -> Fence:
    return Fence(folder, host=host, job_id=job, lease_s=15.0, now=now)


def write_holder(folder: Path, found: Holder) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "coordinator.json").write_text(json.dumps(dataclasses.asdict(found)))


def test_a_second_coordinator_is_refused_with_both_names(tmp_path: Path) -> None:
    """While one holds the run another is told who, where, and what to do."""
    folder = tmp_path / "run"
    first = make_fence(folder)
    with pytest.raises(JournalError, match=rf"job a \(pid {os.getpid()} on h1\); job b on h2"):
        make_fence(folder, job="b", host="h2")
    assert holder(folder) == Holder("h1", os.getpid(), "a", 115.0)
    first.renew(110.0)
    assert holder(folder) == Holder("h1", os.getpid(), "a", 125.0)
    first.release()
    first.release()

    assert holder(folder) is None
    make_fence(folder, job="b", host="h2").release()


def test_a_killed_holder_frees_the_run_on_its_host(tmp_path: Path) -> None:
    """The lock dies with its process; the lease of the same host does not hold anybody up."""
    code = (
        "import sys; from pathlib import Path; from podlog.coordinator.fence import Fence;"
        f"f = Fence(Path({str(tmp_path)!r}), host='h1', job_id='a', lease_s=1e9, now=100.0);"
        "print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(JournalError, match=f"pid {child.pid}"):
            make_fence(tmp_path, job="b")
        child.send_signal(signal.SIGKILL)
        child.wait()
    make_fence(tmp_path, job="b").release()


def test_another_hosts_lease_holds_until_it_expires(tmp_path: Path) -> None:
    """Where locks do not reach, the lease decides."""
    write_holder(tmp_path, Holder("far", 5, "a", 110.0))
    with pytest.raises(JournalError, match=r"pid 5 on far.*wait 10 s"):
        make_fence(tmp_path, now=100.0)
    make_fence(tmp_path, now=111.0).release()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": 1}'])
def test_an_unreadable_holder_is_nobody(tmp_path: Path, text: str) -> None:
    """A torn coordinator.json does not keep anybody out."""
    (tmp_path / "coordinator.json").write_text(text)
    assert holder(tmp_path) is None
    make_fence(tmp_path).release()

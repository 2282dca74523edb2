"""Whether a process is there: told by boot, pid and start time."""

import os
import subprocess
import sys

import psutil
import pytest

from podlog.proto.alive import alive, boot_id, start_time


def test_it_is_the_process_and_not_its_pid() -> None:
    """One that has ended, a zombie, and one that started at another time are not there."""
    me = os.getpid()
    assert boot_id() == boot_id() != ""
    assert alive(me, start_time(me))
    assert not alive(me, start_time(me) - 1.0)

    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as child:
        started = start_time(child.pid)
        assert child.stdout is not None
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not alive(child.pid, started)
    assert not alive(child.pid, started)
    with pytest.raises(psutil.NoSuchProcess):
        start_time(child.pid)


def test_a_clock_that_is_set_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's boot time follows the wall clock; how long after it one started does not."""
    me = os.getpid()
    started = start_time(me)
    before = psutil._pslinux.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: before + 3600.0)
    assert alive(me, started)

"""The fence: one coordinator a run; who waits, who yields, who is refused, by name."""

import contextlib
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_fence import WAIT, claim, take

from podlog.coordinator.fence import Claim, Fence
from podlog.coordinator.fencefile import Holder, Successor, holder, successor
from podlog.proto.alive import boot_id
from podlog.proto.errors import JournalError

HOLD = """
import sys, time
from pathlib import Path
from podlog.coordinator.fence import Claim
fence = Claim(Path(sys.argv[1]), job_id="a", takeover_s=15.0, host="h1").poll(0.0, time.time())
print("held", flush=True)
sys.stdin.read()
"""


def no_locks(lock: int, how: int) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


def unseen(lock: int, how: int) -> None:
    """Locks that do not reach from one machine to another."""


def leave(folder: Path, *, old: bool = False, **values: object) -> Holder:
    """A coordinator.json of another machine, freshly written or long ago."""
    found = Holder("far", 5, "a", time.time() + WAIT, "another boot", 1.0, "id")
    found = dataclasses.replace(found, **values)  # type: ignore[arg-type]
    path = folder / "coordinator.json"
    path.write_text(json.dumps(dataclasses.asdict(found)))
    if old:
        os.utime(path, (time.time() - 100, time.time() - 100))
    return found


@contextlib.contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the run for job a; killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"held\n"
            yield child
        finally:
            child.kill()


# ------------------------------------------------------------------ on one machine


def test_one_that_lives_is_asked_then_left_in_peace(tmp_path: Path) -> None:
    """It is told who waits; after takeover_s the other is refused, and both are named."""
    fence = take(tmp_path / "run", "a")
    assert fence.wanted() is None
    other = claim(tmp_path / "run")
    assert other.poll(0.0, time.time()) is None
    assert fence.wanted() == "b"
    assert other.poll(WAIT - 0.1, time.time()) is None
    me = rf"\(pid {os.getpid()} on h2\)"
    with pytest.raises(JournalError, match=rf"job a {me}; job b {me}.*another log_path"):
        other.poll(WAIT, time.time())
    assert successor(tmp_path / "run") is None
    assert fence.wanted() is None
    fence.renew(time.time())
    assert not fence.lost
    fence.release()


def test_one_that_yields_is_followed_at_once(tmp_path: Path) -> None:
    """What it leaves behind is not taken for a holder; releasing is safe twice."""
    fence = take(tmp_path, "a")
    other = claim(tmp_path)
    assert other.poll(0.0, time.time()) is None
    fence.release()
    fence.release()
    assert holder(tmp_path) is None
    second = other.poll(0.25, time.time())
    assert second is not None
    found = holder(tmp_path)
    assert found is not None
    assert (found.job_id, found.pid) == ("b", os.getpid())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["coordinator.json", "coordinator.lock"]
    second.release()


def test_a_killed_one_frees_the_run_at_once(tmp_path: Path) -> None:
    """Its lock dies with it; its lease does not hold up anybody on its own machine."""
    with held(tmp_path) as child:
        other = claim(tmp_path)
        assert other.poll(0.0, time.time()) is None
        child.send_signal(signal.SIGKILL)
        child.wait()
        fence = other.poll(0.25, time.time())
    assert fence is not None
    fence.release()


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """Neither its own end nor its life changes what the parent does with the run."""
    code = """
import os, time
from pathlib import Path
from podlog.coordinator.fence import Claim
def take(job):
    return Claim(Path(sys.argv[1]), job_id=job, takeover_s=15.0).poll(0.0, time.time())
fence = take("a")
if os.fork() == 0:
    os._exit(0)
os.wait()
assert take("b") is None
child = os.fork()
if child == 0:
    time.sleep(60)
fence.release()
assert take("b") is not None
os.kill(child, 9)
"""
    subprocess.run([sys.executable, "-P", "-c", "import sys" + code, str(tmp_path)], check=True)


def test_the_fork_of_a_killed_one_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A child that outlives its parent, forked while the run was held."""
    code = HOLD.replace('print("held"', 'os.fork() or time.sleep(60)\nprint("held"')
    with subprocess.Popen(
        [sys.executable, "-P", "-c", "import os\n" + code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        try:
            assert parent.stdout.readline() == b"held\n"
            parent.kill()
            parent.wait()
            other, deadline = claim(tmp_path), time.monotonic() + 10
            while (fence := other.poll(0.0, time.time())) is None:
                assert time.monotonic() < deadline, "the child keeps the lock"
                time.sleep(0.02)
            fence.release()
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": 1}'])
def test_what_cannot_be_read_is_nobody(tmp_path: Path, text: str) -> None:
    """Torn files keep nobody out and make nobody yield."""
    for name in ("coordinator.json", "coordinator.next"):
        (tmp_path / name).write_text(text)
    fence = take(tmp_path)
    assert fence.wanted() is None
    fence.release()


def test_a_successor_that_died_is_not_waited_for(tmp_path: Path) -> None:
    """It is believed as long as it says again that it waits, whatever its clock says."""
    fence = take(tmp_path, "a")
    path = tmp_path / "coordinator.next"
    dead = Successor("far", 5, "b", time.time() - 3600, "another boot", "id")
    for at, expected in ((0.0, None), (0.0, None), (0.25, "b"), (0.5, "b"), (0.5, None)):
        path.write_text(json.dumps(dataclasses.asdict(dataclasses.replace(dead, at=dead.at + at))))
        assert fence.wanted() == expected
    fence.release()
    take(tmp_path).release()


# --------------------------------------------------------------- on another machine


@pytest.mark.parametrize("flock", [unseen, no_locks])
def test_the_lease_of_another_machine_is_waited_for(tmp_path: Path, flock) -> None:
    """Until it has expired, by the clock of the folder too; a dead one renews it no more."""
    leave(tmp_path)
    other = claim(tmp_path, flock=flock)
    wall = time.time()
    assert other.poll(0.0, wall) is None
    assert other.poll(10.0, wall + 100.0) is None
    leave(tmp_path, old=True, expires=wall - 50)
    assert finish(other, 11.0) is not None


def finish(other: Claim, now: float) -> Fence | None:
    """Without locks it takes two looks."""
    return other.poll(now, time.time()) or other.poll(now + 1.0, time.time())


def test_a_lease_that_is_never_renewed_is_dead(tmp_path: Path) -> None:
    """Whatever its clock says: in takeover_s it would have been renewed three times."""
    leave(tmp_path, expires=time.time() + 3600)
    other = claim(tmp_path, flock=unseen)
    assert other.poll(0.0, time.time()) is None
    assert other.poll(WAIT, time.time()) is not None


@pytest.mark.parametrize("flock", [unseen, no_locks])
def test_one_that_lives_on_another_machine_is_left_in_peace(tmp_path: Path, flock) -> None:
    """Its lease moves on: after takeover_s the other is refused, and both are named."""
    other = claim(tmp_path, flock=flock)
    for now in (0.0, 5.0, 10.0):
        leave(tmp_path, expires=time.time() + WAIT + now)
        assert other.poll(now, time.time()) is None
        assert successor(tmp_path) is not None
    with pytest.raises(JournalError, match=r"job a \(pid 5 on far\); job b \(pid \d+ on h2\)"):
        other.poll(WAIT, time.time())


def test_the_same_job_goes_on_where_its_lock_is_free(tmp_path: Path) -> None:
    """A coordinator that its parent started again takes over whatever the lease says."""
    leave(tmp_path, job_id="b")
    fence = claim(tmp_path, flock=unseen).poll(0.0, time.time())
    assert fence is not None
    fence.release()


def test_without_locks_a_dead_pid_of_this_machine_decides(tmp_path: Path) -> None:
    """And a live one is waited for."""
    boot = boot_id()
    leave(tmp_path, boot=boot, pid=os.getpid(), started=0.0)
    assert finish(claim(tmp_path, flock=no_locks), 0.0) is not None

    with held(tmp_path / "run") as child:
        assert finish(claim(tmp_path / "run", flock=no_locks), 0.0) is None
        child.kill()
        child.wait()
        assert finish(claim(tmp_path / "run", flock=no_locks), 0.0) is not None


def test_without_locks_the_last_to_write_itself_wins(tmp_path: Path) -> None:
    """Of two that start at the same time, and both believe that nobody is there."""
    first, second = (claim(tmp_path, job, flock=no_locks) for job in ("b", "c"))
    assert first.poll(0.0, time.time()) is None
    (tmp_path / "coordinator.json").unlink()
    assert second.poll(0.1, time.time()) is None
    assert first.poll(0.6, time.time()) is None
    fence = second.poll(0.7, time.time())
    assert fence is not None
    assert fence.wanted() == "b"
    fence.release()


def test_one_that_lost_the_run_writes_nothing_more(tmp_path: Path) -> None:
    """A machine that slept through its lease finds another there."""
    fence = take(tmp_path, "a")
    other = leave(tmp_path, job_id="c")
    fence.renew(time.time())
    assert fence.lost
    fence.release()
    assert holder(tmp_path) == other


def test_a_folder_that_cannot_be_locked_is_an_error(tmp_path: Path) -> None:
    """What is no lack of locks is told as it is."""

    def broken(lock: int, how: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        claim(tmp_path, flock=broken).poll(0.0, time.time())

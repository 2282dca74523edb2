"""Whose spool it is: living writers are left alone, locks of the dead do not count."""

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_spools import HELLO, draft, gone, held, replayed

from podlog.proto import podlog_pb2 as pb
from podlog.proto import spoollock
from podlog.proto.alive import boot_id, start_time
from podlog.proto.spoolfile import Orphan, orphans, survey
from podlog.worker.spool import Spool

ME = os.getpid()


def _me(**fields: object) -> pb.Hello:
    """A Hello of this process, and so of a living one."""
    hello = pb.Hello(boot_id=boot_id(), pid=ME, pid_started=start_time(ME), host="h")
    hello.MergeFrom(pb.Hello(process=3, incarnation=0xC0FFEE))
    hello.MergeFrom(pb.Hello(**fields))  # type: ignore[arg-type]
    return hello


def _one(folder: Path) -> Orphan:
    (orphan,) = orphans(folder)
    return orphan


def test_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    """All its segments are, while any of them is locked; so is one that is skipped."""
    made = Spool(tmp_path, _me(), segment_bytes=200)
    for i in range(6):
        made.append([draft(i)])
    assert orphans(tmp_path) == []
    assert {found.live for found in survey(tmp_path)} == {True}
    assert len(held(made)) == 6
    made.close()
    assert {found.live for found in survey(tmp_path)} == {False}
    assert orphans(tmp_path, skip={0xC0FFEE}) == []
    orphan = _one(tmp_path)
    assert orphans(tmp_path) == [], "the writer's process lives, and the spool is held"
    orphan.release()


def test_one_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    """Between making and locking a file there is a moment."""
    path = tmp_path / "3-0000000000c0ffee.000001"
    path.write_bytes(b"")
    assert orphans(tmp_path) == []
    os.utime(path, (time.time() - 60,) * 2)
    orphan = _one(tmp_path)
    assert (orphan.last, list(orphan.batches(0))) == (0, [])
    assert orphan.delete()
    assert not tmp_path.exists()


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock of ``tmp_path/spool`` for a writer that is gone."""
    folder = tmp_path / "spool"
    made = Spool(folder, _me(**gone()))
    made.append([draft(1)])
    made.close()
    (path,) = folder.iterdir()
    code = f"import fcntl, sys; f = open({str(path)!r}); fcntl.flock(f, fcntl.LOCK_EX)\n"
    code += "print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield holder


def test_a_lock_that_outlived_its_writer_does_not_count(
    child: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """The spool is delivered, but its files stay until the lock is free."""
    folder = tmp_path / "spool"
    orphan = _one(folder)
    assert len(replayed(orphan.batches(0))) == 1
    assert not orphan.delete()
    assert orphan.blocked
    assert list(folder.iterdir())
    child.communicate()
    orphan = _one(folder)
    assert orphan.delete()
    assert not folder.exists()


def test_without_locks_what_another_machine_left_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer may live; nobody need look again until the next start."""
    monkeypatch.setattr(spoollock, "lock", lambda fd: False)
    made = Spool(tmp_path, _me(boot_id="elsewhere"))
    made.append([draft(1)])
    made.close()
    orphan = _one(tmp_path)
    assert not orphan.delete()
    assert not orphan.blocked


def test_a_killed_writer_with_a_forked_child_is_gone(tmp_path: Path) -> None:
    """A worker of a data loader that outlives the process does not keep its spool."""
    told, tell = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX, once loaded, warns of every fork
        pid = os.fork()
    if pid == 0:
        spool = Spool(tmp_path, HELLO)
        spool.append([draft(1)])
        if os.fork() == 0:
            os.close(tell)
            os.read(told, 1)  # until the test is through
            os._exit(0)
        os.kill(os.getpid(), 9)
    os.close(told)
    os.waitpid(pid, 0)
    deadline = time.monotonic() + 10
    while not (found := orphans(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.01)  # the grandchild may not have run yet
    os.close(tell)
    (orphan,) = found
    assert orphan.delete()

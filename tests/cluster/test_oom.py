"""Kills for want of memory, told from other kills by the kernel's counters."""

import contextlib
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_until import until

from podlog.cluster import oom
from podlog.cluster.oom import OutOfMemory

V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
V2 = "low 0\nhigh 0\nmax 7\noom 4\noom_kill {}\noom_group_kill 0\n"


@pytest.mark.parametrize("text", [V1, V2, "pgfault 12\noom_kill {}\n"])
def test_each_kill_is_claimed_once(tmp_path: Path, text: str) -> None:
    """What was counted before does not count; two kills are two."""
    counter = tmp_path / "counter"
    counter.write_text(text.format(3))
    memory = OutOfMemory(counter)
    assert not memory.killed()
    counter.write_text(text.format(5))
    assert [memory.killed() for _ in range(3)] == [True, True, False]


def test_a_counter_that_went_away_counts_nothing(tmp_path: Path) -> None:
    """It is no reason to fail, or to claim anything."""
    counter = tmp_path / "counter"
    counter.write_text(V2.format(3))
    memory = OutOfMemory(counter)
    counter.unlink()
    assert not memory.killed()
    assert oom.count(counter) is None


@pytest.mark.parametrize(
    ("group", "file", "text"),
    [
        ("0::/user.slice/job\n", "cgroup/user.slice/job/memory.events", V2),
        ("0::/\n", "cgroup/memory.events", V2),
        ("0::/not/mounted/here\n", "cgroup/memory.events", V2),
        ("9:pids:/a\n4:memory:/a/b\n0::/\n", "cgroup/memory/a/b/memory.oom_control", V1),
        ("4:memory:/docker/x\n", "cgroup/memory/memory.oom_control", V1),
        ("4:memory:/a\n0::/a\n", "cgroup/unified/a/memory.events", V2),
        ("0::/\n", "vmstat", "pgfault 12\noom_kill {}\n"),
    ],
)
def test_the_counter_is_found(tmp_path: Path, group: str, file: str, text: str) -> None:
    """In either version of cgroups, in a container, and on a machine without."""
    (tmp_path / "group").write_text(group)
    counter = tmp_path / file
    counter.parent.mkdir(parents=True, exist_ok=True)
    counter.write_text(text.format(1))
    found = oom.find(tmp_path / "group", tmp_path / "cgroup", tmp_path / "vmstat")
    assert found == counter


def test_no_counter_at_all(tmp_path: Path) -> None:
    """Then nothing is ever claimed."""
    none = tmp_path / "none"
    assert oom.find(none, none, none) is None


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A memory cgroup of 256 MiB, of version 1 or 2; skips where none may be made."""
    name = f"podlog-test-{uuid.uuid4().hex[:12]}"
    group = _small(Path("/sys/fs/cgroup/memory", name), "memory.limit_in_bytes") or _small(
        Path("/sys/fs/cgroup", name), "memory.max"
    )
    if group is None:
        pytest.skip("no memory cgroup may be made here: that needs root, or one delegated to us")
    yield group
    until(lambda: _removed(group))


def _small(group: Path, limit: str) -> Path | None:
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        (group / limit).write_text(str(256 << 20))
    except OSError:
        group.rmdir()
        return None
    with contextlib.suppress(OSError):
        (group / "memory.swap.max").write_text("0")
    return group


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:  # what was in it is still ending
        return False
    return True


LAUNCHER = """
import os, sys
with open(os.path.join({group!r}, "cgroup.procs"), "w") as file:
    file.write(str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "podlog.cluster.cli", "run", *sys.argv[1:]])
"""

GREEDY = """
import os, signal, sys
if os.environ["SLURM_PROCID"] == "1":
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    hoard = [bytearray(os.urandom(1 << 20)) for _ in range(512)]
signal.pause()
"""


@pytest.mark.parametrize("how", ["greedy", "killed"])
def test_a_real_kill_is_named(small_group: Path, tmp_path: Path, how: str) -> None:
    """A process that takes too much is said to have been out of memory; another kill is not."""
    script = tmp_path / "greedy.py"
    script.write_text(GREEDY)
    launcher = (sys.executable, "-c", LAUNCHER.format(group=str(small_group)))
    done = subprocess.run(
        [*launcher, "-n", "2", "--grace", "1", str(script), how],
        capture_output=True,
        text=True,
        timeout=50,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 70, done.stderr
    line = f"process 1 was ended by {signal.SIGKILL.name}"
    assert line in done.stderr
    assert (f"{line} (out of memory)" in done.stderr) == (how == "greedy"), done.stderr

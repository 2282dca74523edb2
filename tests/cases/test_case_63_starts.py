"""Case 63: concurrent starts corrupt settings, race for folders, or find none on other nodes."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from podlog.coordinator.journal import Journal

PROCESSES, THREADS = 4, 16
STARTS = PROCESSES * THREADS

SCRIPT = """
import json, sys, threading, time
from pathlib import Path
from podlog.coordinator.opening import open_run
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.errors import JournalError

folder, me, shared, takeover_s, hold_s = sys.argv[1:]
go = Path(folder, "go")
telling = threading.Lock()

def tell(*how):
    with telling:
        print(json.dumps(how), flush=True)

def begin(number):
    name = f"{me}-{number}"
    path = Path(folder, "runs", "deep", "run" if shared == "shared" else name)
    config = LoggerConfig(log_path=path, timing=TimingConfig(takeover_s=float(takeover_s)))
    barrier.wait()
    while not go.exists():
        time.sleep(0.01)
    try:
        opened = open_run(config, job_id=name, memory=False)
    except JournalError as error:
        tell("refused", str(error))
        return
    with opened.journal.transaction():
        opened.journal.add_attempt(name, 0, time.time())
    time.sleep(float(hold_s))
    opened.close()
    tell("held", name)

barrier = threading.Barrier(int(THREADS) + 1)
threads = [threading.Thread(target=begin, args=(n,)) for n in range(THREADS)]
for thread in threads:
    thread.start()
barrier.wait()
Path(folder, f"ready-{me}").touch()
for thread in threads:
    thread.join()
"""


def start_all(folder: Path, where: str, *, takeover_s: float, hold_s: float) -> list[list[str]]:
    """How each of 64 simultaneous starts ended."""
    script = f"THREADS = {THREADS}\n{SCRIPT}"
    arguments = (where, str(takeover_s), str(hold_s))
    children = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", script, str(folder), f"job{me}", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in range(PROCESSES)
    ]
    try:
        deadline = time.monotonic() + 100
        while len(list(folder.glob("ready-*"))) < PROCESSES:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (folder / "go").touch()
        told = [child.communicate(timeout=100)[0] for child in children]
    finally:
        for child in children:
            child.kill()
            child.communicate()
    assert [child.returncode for child in children] == [0] * PROCESSES
    return [json.loads(line) for text in told for line in text.splitlines()]


def check(run: Path, attempts: int) -> None:
    """The journal has so many attempts, and nobody left anything else behind."""
    journal = Journal(run / "journal.sqlite", read_only=True)
    assert len(journal.attempts()) == attempts
    journal.close()
    assert [path.name for path in run.glob("coordinator.*")] == ["coordinator.lock"]


@pytest.mark.timeout(180)
def test_one_after_the_other_gets_a_shared_folder(tmp_path: Path) -> None:
    """Whoever waits follows when the one before ends; all are in the journal."""
    ended = start_all(tmp_path, "shared", takeover_s=90, hold_s=0.01)
    assert Counter(how for how, _ in ended) == {"held": STARTS}
    check(tmp_path / "runs/deep/run", STARTS)


@pytest.mark.timeout(180)
def test_all_but_one_are_refused_by_name(tmp_path: Path) -> None:
    """While the first goes on, the others hear who it is, and who they are."""
    ended = start_all(tmp_path, "shared", takeover_s=3, hold_s=15)
    (winner,) = [name for how, name in ended if how == "held"]
    refused = [text for how, text in ended if how == "refused"]
    assert len(refused) == STARTS - 1
    assert all(f"held by the coordinator of job {winner} (pid " in text for text in refused)
    assert len({text.split("; job ")[1].split()[0] for text in refused}) == STARTS - 1
    check(tmp_path / "runs/deep/run", 1)


@pytest.mark.timeout(180)
def test_folders_of_their_own_disturb_nobody(tmp_path: Path) -> None:
    """On unshared disks each makes its folder, with all above it, and holds it."""
    ended = start_all(tmp_path, "own", takeover_s=20, hold_s=0.0)
    assert Counter(how for how, _ in ended) == {"held": STARTS}
    for _, name in ended:
        check(tmp_path / "runs/deep" / name, 1)

"""Two coordinators on one ``log_path``, in processes of their own."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podlog.coordinator.journal import Journal
from podlog.coordinator.opening import Opening, OpenRun, open_run
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.errors import ConfigError, JournalError

KIT = Path(__file__).parents[1] / "kit"
SCRIPT = """
import sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import kit_peers
from podlog.coordinator import start
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.tool import LoggerTool

class Slow(LoggerTool):
    def log_config(self, config): pass
    def log_metrics(self, metrics, step, epoch, mode): threading.Event().wait(100)
    def finalize(self, status): pass

class SlowConfig:
    def create(self, logger): return Slow()

timing = TimingConfig(takeover_s=3.0, lost_after_s=0.5)
config = LoggerConfig(log_path=Path(sys.argv[2]), timing=timing)
tools = [SlowConfig()] if sys.argv[3] == "settling" else []
endpoint = start(config, setup=kit_peers.job(job_id="old"), listen=False, in_process_tools=tools)
voice = kit_peers.Voice().connect(endpoint.connect)
voice.log(1, {"loss": 1.0})
voice.acked()
if sys.argv[3] == "settling":
    voice.finalize()
    voice.goodbye("success")
if sys.argv[3] == "disconnected":
    voice.close()
print(sys.argv[3], flush=True)
endpoint.wait_settled(100)
print("ended", flush=True)
sys.stdin.read()
"""


class Old:
    """The older coordinator, with one worker that has logged one row."""

    def __init__(self, folder: Path, how: str) -> None:
        self.how = how
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", SCRIPT, str(KIT), str(folder), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def start_old(tmp_path: Path) -> Iterator[Any]:
    made: list[Old] = []

    def make(how: str) -> Old:
        made.append(Old(tmp_path / "run", how))
        assert made[-1].line() == how
        return made[-1]

    yield make
    for old in made:
        old.process.kill()
        old.process.communicate()


def config(folder: Path, takeover_s: float = 30.0) -> LoggerConfig:
    return LoggerConfig(log_path=folder / "run", timing=TimingConfig(takeover_s=takeover_s))


def check(opened: OpenRun) -> None:
    """What the older one had stored is there."""
    assert [attempt.job_id for attempt in opened.journal.attempts()] == ["old"]
    assert list(opened.journal.acks().values()) == [1]
    opened.close()


@pytest.mark.parametrize("how", ["settling", "disconnected"])
def test_one_that_nobody_is_connected_to_yields(tmp_path: Path, start_old: Any, how: str) -> None:
    """It closes its tools and ends within 10 s; the run goes over whole."""
    old = start_old(how)
    began = time.monotonic()
    opened = open_run(config(tmp_path), job_id="new", memory=False)
    assert time.monotonic() - began < 13
    check(opened)
    assert old.line() == "ended"


def test_a_dead_one_is_followed_at_once(tmp_path: Path, start_old: Any) -> None:
    """Its lock died with it; the journal is recovered."""
    old = start_old("connected")
    old.process.send_signal(signal.SIGKILL)
    old.process.wait()
    opened = Opening(config(tmp_path), job_id="new", memory=False).poll()
    assert opened is not None
    check(opened)


def test_one_with_workers_goes_on(tmp_path: Path, start_old: Any) -> None:
    """The other is refused after takeover_s, both are named, and what to do."""
    old = start_old("connected")
    began = time.monotonic()
    with pytest.raises(JournalError) as told:
        open_run(config(tmp_path, takeover_s=4.0), job_id="new", memory=False)
    assert 3.9 < time.monotonic() - began < 10
    assert f"job old (pid {old.process.pid} on " in str(told.value)
    assert "job new (pid " in str(told.value)
    assert "end that job or choose another log_path" in str(told.value)
    assert old.process.poll() is None
    journal = Journal(tmp_path / "run/journal.sqlite", read_only=True)
    assert list(journal.acks().values()) == [1]
    journal.close()


def test_one_on_another_host_is_waited_for(tmp_path: Path, start_old: Any) -> None:
    """Its lock is not seen here; its lease runs out as it is not renewed."""
    old = start_old("connected")
    old.process.kill()
    old.process.wait()
    path = tmp_path / "run/coordinator.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"host": "far", "boot": "another"}))
    began = time.monotonic()
    opened = open_run(config(tmp_path, takeover_s=3.0), job_id="new", memory=False)
    assert 2.0 < time.monotonic() - began < 10
    check(opened)


def test_waiting_does_not_block(tmp_path: Path) -> None:
    """Whoever polls goes on with other things, and may give up."""
    first = open_run(config(tmp_path), job_id="one", memory=False)
    opening = Opening(config(tmp_path), job_id="two", memory=False)
    assert opening.poll() is None
    assert first.fence is not None
    assert first.fence.wanted() == "two"
    opening.give_up()
    assert first.fence.wanted() is None
    first.close()


def test_a_folder_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    """It is a mistake in the config, not something to wait for."""
    (tmp_path / "run").write_text("a file")
    with pytest.raises(ConfigError, match=r"log_path .*run cannot be used"):
        open_run(config(tmp_path), job_id="one", memory=False)


def test_a_run_of_another_name_frees_the_folder(tmp_path: Path) -> None:
    """An error of the journal leaves the fence open for the next."""
    open_run(config(tmp_path), job_id="one", run_id="mine", memory=False).close()
    with pytest.raises(JournalError, match="run 'mine', not of 'other'"):
        open_run(config(tmp_path), job_id="two", run_id="other", memory=False)
    opened = open_run(config(tmp_path), job_id="two", memory=False)
    assert opened.run_id == "mine"
    opened.close()

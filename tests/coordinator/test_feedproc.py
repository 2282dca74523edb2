"""A tool in its own process: what it gets, what it prints, how it ends."""

import dataclasses
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import psutil
import pytest

from podlog.coordinator.feedpipe import ProcessRunner, ToolError, read_frame, write_frame
from podlog.coordinator.runners import ToolDiedError
from podlog.proto import podlog_pb2 as pb
from podlog.proto.errors import WireError
from podlog.proto.records import Event, Kind, RunConfig
from podlog.proto.rows import ConfigItem, EventItem, FeedItem, Row, RowKey

MODULE = """
import os, sys, time
from pathlib import Path
from podlog.proto.config import LoggerToolsConfig
from podlog.proto.tool import LoggerTool

class Tool(LoggerTool):
    def __init__(self, context):
        self.file = Path(context.log_path, "told")
        print("a print of the tool")
        os.write(1, b"a raw write\\n")
        self.note(f"run {context.run_id} every {context.config.log_every_n_steps}")

    def note(self, text):
        with self.file.open("a") as file:
            file.write(text + "\\n")

    def log_config(self, config):
        self.note(f"config {config}")

    def setup(self):
        self.note("setup")

    def log_metrics(self, metrics, step, epoch, mode):
        if metrics.get("bad"):
            raise ValueError("a bad row")
        if metrics.get("die"):
            os._exit(9)
        if metrics.get("away"):
            raise ConnectionError("no server")
        if metrics.get("hang"):
            time.sleep(1000)
        self.note(f"{mode} {step} {epoch} {metrics}")

    def log_event(self, event):
        self.note(event.event.text)

    def position(self):
        return b"at %d" % len(self.file.read_bytes())

    def rewind_to(self, position):
        if position:
            os.truncate(self.file, int(position.split()[1]))

    def finalize(self, status):
        self.note(status)

class Config(LoggerToolsConfig):
    def create(self, logger):
        return Tool(logger)
"""


def make_row(number: int, **metrics: Any) -> Row:
    key = RowKey(1, "train", number, Kind.STEP, 0)
    return Row(key, 0, 5, 0.0, {"loss": 0.5} | metrics, id=number)


def make_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pb.FeedOpen:
    """A tool in a module beside a script: found through `sys_path` only."""
    (folder / "toolmodule.py").write_text(MODULE)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder)
        import toolmodule  # type: ignore[import-not-found]

        pickled = cloudpickle.dumps(toolmodule.Config())
        patch.delitem(sys.modules, "toolmodule")
    return pb.FeedOpen(
        tool=pb.ToolSpec(name="t", pickled=pickled),
        sys_path=[str(folder)],
        run_id="r1",
        log_path=str(folder),
        config_json='{"log_every_n_steps": 7}',
    )


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessRunner]:
    with (tmp_path / "stderr").open("wb") as stderr:
        runner = ProcessRunner(make_open(tmp_path, monkeypatch), stderr)
        yield runner
        runner.close()


def deliver(runner: ProcessRunner, *items: FeedItem) -> bytes:
    position = b""
    for item in items:
        position = runner.deliver([item])
    return position


def told(tmp_path: Path) -> list[str]:
    return (tmp_path / "told").read_text().splitlines()


def test_a_tool_beside_the_script_gets_everything(runner: ProcessRunner, tmp_path: Path) -> None:
    """Context, config, setup, rows, events, finalize; its prints do not disturb the replies."""
    assert runner.open(b"") == b"at 15"
    event = EventItem(3, 1, 0, 2, 0.0, Event("nan", "an event"))
    deliver(runner, ConfigItem(1, RunConfig('{"a": 1}')), make_row(2), event)
    position = runner.finalize("success")
    runner.close()

    assert told(tmp_path) == [
        "run r1 every 7",
        "config {'a': 1}",
        "setup",
        "train 2 5 {'loss': 0.5}",
        "an event",
        "success",
    ]
    assert position == b"at %d" % (tmp_path / "told").stat().st_size
    assert (tmp_path / "stderr").read_bytes() == b"a print of the tool\na raw write\n"


def test_what_the_tool_raises_comes_back_as_text(runner: ProcessRunner, tmp_path: Path) -> None:
    """The process lives on, and takes the next row."""
    runner.open(b"")
    with pytest.raises(ToolError, match="ValueError: a bad row"):
        runner.deliver([make_row(1, bad=1)])
    runner.deliver([make_row(2)])
    assert told(tmp_path)[-1] == "train 2 5 {'loss': 0.5}"


def test_a_dead_process_is_replaced_at_the_last_position(
    runner: ProcessRunner, tmp_path: Path
) -> None:
    """The next call starts another, which goes back and hears the config again."""
    runner.open(b"")
    deliver(runner, ConfigItem(1, RunConfig('{"a": 1}')), make_row(2))
    with pytest.raises(ToolDiedError, match="ended with 9"):
        runner.deliver([make_row(3), make_row(4, die=1)])
    runner.deliver([make_row(3)])
    steps = [line for line in told(tmp_path) if line.startswith("train")]
    assert steps == ["train 2 5 {'loss': 0.5}", "train 3 5 {'loss': 0.5}"]
    assert told(tmp_path).count("config {'a': 1}") == 2


def test_what_is_away_comes_back_as_an_oserror(runner: ProcessRunner) -> None:
    """So the feed knows that the call is worth repeating."""
    runner.open(b"")
    with pytest.raises(OSError, match="ConnectionError: no server"):
        runner.deliver([make_row(1, away=1)])


def test_late_revisions_that_a_tool_does_not_want_are_counted(
    runner: ProcessRunner, tmp_path: Path
) -> None:
    """The count is the tool's, from its own process."""
    runner.open(b"")
    runner.deliver([make_row(1), dataclasses.replace(make_row(1), revision=1)])
    runner.deliver([dataclasses.replace(make_row(1), revision=2)])
    assert runner.ignored == 2
    assert len([line for line in told(tmp_path) if line.startswith("train")]) == 1


@pytest.mark.parametrize("size", [1, 300_000])
def test_a_call_that_does_not_return_costs_the_tool_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Also if it does not even read its request; the next call starts another."""
    with (tmp_path / "stderr").open("wb") as stderr:
        runner = ProcessRunner(make_open(tmp_path, monkeypatch), stderr, timeout_s=20.0)
        runner.open(b"")
        runner._timeout_s = 0.3
        assert runner._child is not None
        if size > 1:
            os.kill(runner._child.pid, signal.SIGSTOP)
        with pytest.raises(ToolDiedError, match=r"did not return within 0\.3 s"):
            runner.deliver([make_row(1, hang=1, text="x" * size)])
        runner._timeout_s = 20.0
        runner.deliver([make_row(2)])
        assert told(tmp_path)[-1].startswith("train 2 5")
        runner.close()


def test_a_tool_dies_with_the_coordinator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would write on while the next coordinator makes another go back."""
    (tmp_path / "open").write_bytes(make_open(tmp_path, monkeypatch).SerializeToString())
    code = (
        "import pathlib, sys, time; from podlog.proto import podlog_pb2 as pb;"
        "from podlog.coordinator.feedpipe import ProcessRunner;"
        "setup = pb.FeedOpen.FromString(pathlib.Path(sys.argv[1]).read_bytes());"
        "runner = ProcessRunner(setup, 2); runner.open(b'');"
        "print(runner._child.pid, flush=True); time.sleep(100)"
    )
    coordinator = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "open")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert coordinator.stdout is not None
    with coordinator.stdout:
        child = psutil.Process(int(coordinator.stdout.readline()))
    os.kill(child.pid, signal.SIGSTOP)
    coordinator.kill()
    coordinator.wait(10)
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_a_tool_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    """Each call raises with the reason; nothing is left running."""
    setup = pb.FeedOpen(tool=pb.ToolSpec(pickled=b"no pickle"))
    runner = ProcessRunner(setup, stderr=subprocess.DEVNULL)
    for _ in range(2):
        with pytest.raises(ToolError, match="UnpicklingError"):
            runner.open(b"")
    with pytest.raises(ToolError, match="UnpicklingError"):
        runner.deliver([make_row(1)])
    runner.close()


def test_kill_ends_a_call_that_does_not_return(runner: ProcessRunner, tmp_path: Path) -> None:
    """The caller gets an error, and no new process is started behind the closing."""
    runner.open(b"")
    assert runner._child is not None
    os.kill(runner._child.pid, signal.SIGSTOP)
    runner.kill()
    with pytest.raises(ToolDiedError, match="ended with -9"):
        runner.deliver([make_row(1)])
    with pytest.raises(ToolError, match="closing"):
        runner.deliver([make_row(1)])


def test_frames_come_back_and_torn_ones_are_named() -> None:
    """What was written is read; an end between frames is an end, one within is an error."""
    stream = io.BytesIO()
    write_frame(stream, b"one")
    write_frame(stream, b"")
    whole = stream.getvalue()
    stream.seek(0)
    assert [read_frame(stream), read_frame(stream), read_frame(stream)] == [b"one", b"", None]
    for size in (1, 3, 5, 6):
        with pytest.raises(WireError):
            read_frame(io.BytesIO(whole[:size]))

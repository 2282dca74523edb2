"""The end of a chapter with tools that hang or whose disk is full."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit_disks import small_disk
from kit_feeds import Blocking
from kit_peers import Make, Voice

from podlog.coordinator.journal import Journal
from podlog.coordinator.tools import FileLoggerConfig, MemoryLogger, MemoryLoggerConfig
from podlog.proto.codec import body_draft
from podlog.proto.config import LoggerConfig, LoggerToolsConfig, TimingConfig
from podlog.proto.records import LogLine


@dataclasses.dataclass(kw_only=True)
class BlockingConfig(LoggerToolsConfig):
    tool: Blocking

    def create(self, logger: Any) -> Blocking:
        return self.tool


def test_a_tool_that_hangs_costs_its_time_once(make: Make, tmp_path: Path) -> None:
    """The first end of a chapter waits for it `tools_timeout_s`, the next and the last do not."""
    config = LoggerConfig(log_path=tmp_path, timing=TimingConfig(tools_timeout_s=2.0))
    tool = Blocking()
    endpoint = make(config, [BlockingConfig(tool=tool), MemoryLoggerConfig()])
    well = endpoint.tools[1]
    assert isinstance(well, MemoryLogger)
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    assert tool.entered.wait(10)
    began = time.monotonic()
    voice.finalize("success")
    assert well.wait_for(lambda memory: memory.statuses == ["success"], 1.5)  # it waits for nobody
    voice.verdict()
    first = time.monotonic() - began
    assert first >= 2.0
    voice.log(2)
    voice.finalize("failure")
    voice.ear.wait("verdict", lambda verdict: verdict.final and verdict.chapter == 2)
    voice.goodbye()
    assert endpoint.wait_settled(10)
    assert time.monotonic() - began < 2 * first
    assert well.statuses == ["success", "failure"]
    tool.let_go.set()
    text = (tmp_path / "output.log").read_text()
    assert "not through at the end: Blocking\n" in text


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB."""
    with small_disk(tmp_path / "run" / "file_logs", "128k") as folder:
        yield folder


def test_a_tool_whose_disk_is_full_gets_every_row_when_there_is_room(
    make: Make, disk: Path
) -> None:
    """It is announced once, and its end too; no row is skipped or there twice."""
    config = LoggerConfig(log_path=disk.parent)
    (disk / "filler").write_bytes(bytes(100 << 10))
    endpoint = make(config, [FileLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    for step in range(300):
        voice.log(step, {"loss": step, "wide": 1 / 3})
    output = disk.parent / "output.log"
    wait_for_text(output, "tool FileLogger is away and waited for: OSError: [Errno 28]")
    (disk / "filler").unlink()
    wait_for_text(output, "tool FileLogger is back")
    voice.finalize()
    voice.verdict(20)
    voice.goodbye()
    assert endpoint.wait_settled(20)
    lines = (disk / "metrics_train.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["log_step", *map(str, range(300))]
    assert output.read_text().count("is away") == 1
    journal = Journal(disk.parent / "journal.sqlite", read_only=True)
    assert journal.cursor("FileLogger").id == journal.last_id()
    journal.close()


def wait_for_text(path: Path, text: str) -> None:
    """Waits until a file holds it."""
    deadline = time.monotonic() + 20
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < deadline, path.read_text()
        threading.Event().wait(0.02)


@pytest.mark.parametrize("pod", [False, True])
def test_output_log_is_whole_at_the_end(make: Make, tmp_path: Path, pod: bool) -> None:
    """However many lines come at once, just before it: nobody writes them later."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()], listen=pod)
    voice = Voice().connect(endpoint.connect)
    for part in range(8):
        lines = [LogLine(20, "x", f"line {part}.{i}") for i in range(2000)]
        voice.drafts([body_draft(line, 1.0) for line in lines])
    voice.finalize()
    voice.goodbye()
    assert endpoint.close(20)
    assert (tmp_path / "output.log").read_text().count("line ") == 16_000

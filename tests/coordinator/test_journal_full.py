"""The journal's disk fills, and is freed: announced once, nothing lost, no restart."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_disks import fill, small_disk
from kit_peers import Make, Voice, job, memory, rows
from kit_until import until

from podlog.coordinator import start
from podlog.coordinator.journal import Journal
from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import DeliveryConfig, LoggerConfig
from podlog.proto.control import ProcessExit
from podlog.proto.errors import UnavailableError
from podlog.proto.records import LogLine


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    with small_disk(tmp_path / "disk", "2m") as folder:
        yield folder


@pytest.mark.timeout(120)
def test_a_full_disk_is_announced_once_and_got_over(
    make: Make, tmp_path: Path, disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Streams end as unavailable while it lasts; what a launcher says meanwhile is kept."""
    config = LoggerConfig(log_path=tmp_path / "run", delivery=DeliveryConfig(journal_dir=disk))
    endpoint = make(config, [MemoryLoggerConfig()], job(2, launched=True), listen=True)
    voices = [Voice(p, 2).connect(endpoint.connect) for p in range(2)]
    for voice in voices:
        voice.log(1)
        voice.acked()
    with caplog.at_level(logging.INFO, logger="podlog"):
        hog = fill(disk)
        for i in range(2000):
            voices[0].body(LogLine(20, "app", f"{i} " + "x" * 4000))
        assert isinstance(voices[0].ear.wait_end(), UnavailableError)
        endpoint._coordinator.process_exit(ProcessExit(1, 5, code=4))
        for _ in range(3):
            voices[0].greet(endpoint.connect)
            assert isinstance(voices[0].ear.wait_end(), UnavailableError)
        hog.unlink()
        voices[0].come_back(endpoint.connect)
        stored = voices[0].ear.all("welcome")[0].ack
        voices[0].seq = stored
        voices[0].log(2)
        voices[0].acked()
        until(lambda: any(e.event.name == "journal_back" for e in memory(endpoint).events), 20)
        voices[0].finalize("success")
        assert voices[0].verdict().status == "failure"
        voices[0].goodbye()
        assert endpoint.wait_settled(30)
    errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "cannot be written" in errors[0].getMessage()
    assert [row.key.step for row in rows(endpoint) if row.revision == 0] == [1, 2]
    assert "nothing could be stored for" in (tmp_path / "run" / "output.log").read_text()
    journal = Journal(disk / "journal.sqlite", read_only=True)
    assert journal.check() == []
    assert journal.acks()[1000] == stored + 1
    journal.close()


@pytest.mark.timeout(120)
def test_a_run_on_a_full_disk_is_opened_once_there_is_room(
    tmp_path: Path, disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is refused for good; process 0 need not ask again."""
    hog = fill(disk)
    endpoint = start(LoggerConfig(), setup=job(), listen=True)
    try:
        voice = Voice().connect(endpoint.connect)
        asked = pb.Open(
            log_path=str(tmp_path / "run"),
            config_json=json.dumps({"delivery": {"journal_dir": str(disk)}}),
        )
        voice.send(open=asked)
        threading.Event().wait(3.0)
        assert not voice.ear.ends or isinstance(voice.ear.ends[0], UnavailableError)
        hog.unlink()
        if voice.ear.ends:
            voice.come_back(endpoint.connect)
        voice.ear.wait("opened", timeout=20)
        voice.log(1)
        voice.acked()
        voice.goodbye("success")
        assert endpoint.wait_settled(20)
    finally:
        endpoint.close(5)
    assert len([r for r in caplog.records if r.levelno >= logging.ERROR]) == 1
    assert (disk / "journal.sqlite").exists()

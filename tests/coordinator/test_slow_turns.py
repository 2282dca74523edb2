"""Turns that are slow, each of them or one: what waits for them, and for how long."""

import threading
import time
from pathlib import Path

import pytest
from kit_coordinator import wait_events
from kit_peers import Make, Voice, job, rows
from kit_until import until

from podlog.coordinator.run import Run
from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto.config import LoggerConfig, TimingConfig


def test_a_disk_that_is_always_slow_hides_no_loss_and_holds_no_row(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit takes more than a second: that is how it is, and no standstill."""
    real = Run.committed

    def slow(run: Run, now: float) -> None:
        threading.Event().wait(1.1)
        real(run, now)

    timing = TimingConfig(row_timeout_s=0.5, lost_after_s=1.0, heartbeat_s=0.5)
    config = LoggerConfig(log_path=tmp_path, timing=timing)
    endpoint = make(config, [MemoryLoggerConfig()], job(2), listen=True)
    voices = [Voice(p, 2).connect(endpoint.connect) for p in range(2)]
    for voice in voices:
        voice.log(1)
        voice.acked()
    monkeypatch.setattr(Run, "committed", slow)
    voices[1].close()
    for step in range(2, 8):
        voices[0].log(step)
        voices[0].acked()
    (lost,) = wait_events(tmp_path, "lost", timeout=10)
    assert lost.process == 1
    until(lambda: len(rows(endpoint)) > 4)
    monkeypatch.setattr(Run, "committed", real)


def test_alone_a_slow_turn_holds_no_row(make: Make, tmp_path: Path) -> None:
    """Nothing lies in a connection that were to be read first."""
    config = LoggerConfig(log_path=tmp_path, timing=TimingConfig(takeover_s=3.0))
    endpoint = make(config, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.acked()
    endpoint._coordinator.post(lambda: time.sleep(2.5))
    voice.log(2)
    voice.acked()
    began = time.monotonic()
    until(lambda: len(rows(endpoint)) == 2)
    assert time.monotonic() - began < 1.0

"""Case 70: hosts' clocks differ, and events seem to happen after the run or before their cause."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podlog.coordinator.reading import reading
from podlog.proto.config import TimingConfig
from podlog.proto.rows import EventItem

SCRIPT = Path(__file__).parent / "scripts" / "clocks.py"
OFF = {1: 300.0, 2: -3600.0, 3: 0.0}
"""Seconds by which each process's clock is off; that of process 3 jumps by 100 s meanwhile."""


@pytest.mark.processes
@pytest.mark.timeout(90)
def test_durations_skews_and_order(make_pod: Callable[..., Any]) -> None:
    """Durations are right, skews are told to 20 ms, an effect comes behind its cause."""
    pod = make_pod(4, 1, timing=TimingConfig(heartbeat_s=0.5))
    workers = [
        subprocess.Popen(
            [
                sys.executable, str(SCRIPT), str(process), "4",
                f"127.0.0.1:{pod.endpoint.port}", str(off), "jumps" if off == 0 else "stays",
                str(pod.folder),
            ]
        )
        for process, off in OFF.items()
    ]  # fmt: skip
    logger = pod[0]
    logger.on_training_start()
    logger.start_epoch(1, 0)
    for step in range(1, 10_000):
        logger.log_host_metrics({"a0": step}, step)
        time.sleep(0.02)
        if logger.should_stop(step):
            break
    logger.end_epoch({}, step)
    assert logger.finalize("success").final
    assert [worker.wait(30) for worker in workers] == [0, 0, 0]
    pod.close()

    with reading(pod.folder) as opened:
        items = [i for i in opened.journal.rows_after(0, 10**6) if isinstance(i, EventItem)]
    skews = {i.process: float(i.event.fields["skew_s"]) for i in items if i.event.name == "clock"}
    expected = {1: 300.0, 2: -3600.0, 3: 100.0}
    assert skews.keys() == expected.keys()
    assert all(abs(skews[p] - expected[p]) < 0.02 for p in expected), skews

    names = [item.event.name for item in items]
    chain = [names.index(name) for name in ("stop_requested", "stop_decided", "verdict")]
    assert chain == sorted(chain)
    assert names[-1] == "verdict"
    times = [items[at].time for at in chain]
    assert times == sorted(times)
    assert max(item.time for item in items) == times[-1]

    path = pod.folder / "file_logs" / "metrics_train.jsonl"
    epochs = [json.loads(line) for line in path.read_text().splitlines()]
    (epoch,) = [row for row in epochs if "epoch_time" in row]
    assert 0.5 < epoch["epoch_time"] < 60

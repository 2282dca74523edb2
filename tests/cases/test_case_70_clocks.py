"""Case 70: hosts' clocks differ, and events seem to happen after the run or before their cause."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, ItemsView
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
    own = [time.time()]
    logger.start_epoch(1, 0)
    own.append(time.time())
    for step in range(1, 10_000):
        logger.log_host_metrics({"a0": step}, step)
        time.sleep(0.02)
        if logger.should_stop(step):
            break
    own.append(time.time())
    logger.end_epoch({}, step)
    own.append(time.time())
    assert logger.finalize("success").final
    assert [worker.wait(30) for worker in workers] == [0, 0, 0]
    pod.close()

    items = _events(pod)
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
    paths = [pod.folder.with_name(f"times{process}.json") for process in OFF]
    others = [json.loads(path.read_text()) for path in paths]
    _check_span(items, epoch["epoch_time"], [own, *others])


def _check_span(items: list[EventItem], seconds: float, times: list[list[float]]) -> None:
    """What is told of the epoch, to 50 ms, against the right clock around each call."""
    (item,) = [item for item in items if item.event.name == "epoch"]
    fields = item.event.fields
    started, starts, ending, ends = zip(*times, strict=True)
    bounds = {
        "span_s": (max(ending) - min(starts), max(ends) - min(started)),
        "starts_s": (max(started) - min(starts), max(starts) - min(started)),
        "ends_s": (max(ending) - min(ends), max(ends) - min(ending)),
    }
    for name, (least, most) in bounds.items():
        assert least - 0.05 < float(fields[name]) < most + 0.05, (name, fields, times)
    assert math.isclose(float(fields["seconds"]), seconds, abs_tol=0.001)
    assert fields["first"] == "0", "the others have to be started first"
    assert "unknown" not in fields


class _Slow(dict[str, float]):
    """Metrics that take a while to be looked at."""

    def items(self) -> ItemsView[str, float]:
        time.sleep(1.0)
        return super().items()


def test_what_end_epoch_does_is_no_part_of_the_epoch(make_pod: Callable[..., Any]) -> None:
    """A process whose last metrics take long to pack ended, and began, when it called."""
    pod = make_pod(2)
    pod.each(lambda logger: logger.start_epoch(1, 0, mode="val"))
    time.sleep(0.2)
    metrics = {pod[0]: {"a": 1.0}, pod[1]: _Slow(a=1.0)}
    pod.each(lambda logger: logger.end_epoch(metrics[logger], 1))
    pod.finish()
    (item,) = [item for item in _events(pod) if item.event.name == "epoch"]
    assert float(item.event.fields["starts_s"]) < 0.5, item.event.fields
    assert float(item.event.fields["span_s"]) < 0.7, item.event.fields


def _events(pod: Any) -> list[EventItem]:
    with reading(pod.folder) as opened:
        return [i for i in opened.journal.rows_after(0, 10**6) if isinstance(i, EventItem)]

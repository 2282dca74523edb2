"""Case 44: only the first worker's metrics are seen, and a silent worker blocks all."""

import json
import threading
from collections.abc import Callable
from typing import Any

from podlog.proto.config import TimingConfig


def test_row_closes_without_the_silent_one_and_takes_it_late(
    make_pod: Callable[..., Any],
) -> None:
    """3 of 4 report: after the timeout the row holds 3; the late part makes a new revision."""
    pod = make_pod(4, timing=TimingConfig(row_timeout_s=0.5))
    for logger in pod.loggers[:3]:
        logger.log_host_metrics({"a": 1.0}, step=1, mode="train")
    path = pod.folder / "file_logs" / "metrics_train.jsonl"
    _wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
    first = json.loads(path.read_text())
    assert first["_podlog"]["processes"] == [0, 1, 2]
    assert first["_podlog"]["missing"] == [3]
    assert first["_podlog"]["revision"] == 0

    pod[3].log_host_metrics({"a": 5.0}, step=1, mode="train")
    pod.finish()
    (row,) = pod.rows("train")
    assert row["a"] == 2.0
    assert row["_podlog"]["processes"] == [0, 1, 2, 3]
    assert row["_podlog"]["revision"] == 1


def _wait_for(condition: Callable[[], bool], timeout: float = 10) -> None:
    for _ in range(int(timeout / 0.02)):
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError("not within the deadline")

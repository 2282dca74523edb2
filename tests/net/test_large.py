"""Records far larger than a frame, over links on which they take long."""

from collections.abc import Callable
from typing import Any

import pytest

from podlog.proto.config import TimingConfig
from podlog.worker.values import Text


@pytest.mark.timeout(120)
def test_a_record_that_creeps_does_not_cost_the_connection(make_far: Callable[..., Any]) -> None:
    """Many times longer than three heartbeats it is on its way, and nothing can be answered."""
    far = make_far(1, timing=TimingConfig(heartbeat_s=0.7))
    logger = far.pod[0]
    assert logger.flush(20)
    far.proxies[0].faults.rate = 400_000
    logger.log_host_metrics({"note": Text("x" * 3_600_000)}, 1, mode="train")
    logger.log_host_metrics({"a": 1}, 2, mode="train")
    assert logger.flush(60)
    assert logger.stats()["connects"] == 1
    far.proxies[0].faults.rate = 0
    assert far.pod.finish()[0].final
    rows = {row["log_step"]: row for row in far.pod.rows("train")}
    assert rows[1]["note"].count("x") == len(rows[1]["note"]) == 3_600_000
    assert rows[2]["a"] == 1


@pytest.mark.timeout(120)
def test_the_largest_record_arrives(make_pod: Callable[..., Any]) -> None:
    """A text of ``max_payload_mb``, in pieces; one byte more is refused at the call."""
    pod = make_pod(1)
    most = 64 << 20
    pod[0].log_host_metrics({"note": Text("x" * most)}, 1, mode="train")
    pod[0].log_host_metrics({"note": Text("x" * (most + 1))}, 2, mode="train")
    assert pod[0].flush(90)
    assert pod[0].stats()["connects"] == 1
    assert pod.finish()[0].final
    texts = [(row["log_step"], row["note"]) for row in pod.rows("train") if row.get("note")]
    assert [(step, text.count("x"), len(text)) for step, text in texts] == [(1, most, most)]

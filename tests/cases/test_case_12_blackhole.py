"""Case 12: connection lost, rank 0 waits, the others run into their collective's timeout."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podlog.proto.config import TimingConfig

pytestmark = pytest.mark.alone

STEPS = 600


def test_steps_go_on_in_a_black_hole(make_far: Callable[..., Any], tmp_path: Path) -> None:
    """No call waits, the spool grows, no reset reaches anyone; on return all is replayed once."""
    far = make_far(2, timing=TimingConfig(heartbeat_s=0.3, row_timeout_s=2))
    pod = far.pod
    _log(pod.loggers, 0, 100)
    assert all(pod.each(lambda logger: logger.flush(30)))
    far.hole(True)
    longest = _log(pod.loggers, 100, STEPS)
    assert longest < 1.0, "a call waited for the network"
    before = [proxy.connections for proxy in far.proxies]
    assert pod.each(lambda logger: logger.flush(1.0)) == [False, False]
    assert all(s["made"] - s["acked"] >= STEPS - 100 for s in pod.each(lambda g: g.stats()))
    assert sum(f.stat().st_size for f in (pod.folder / "spool").iterdir()) > 20_000
    deadline = time.monotonic() + 20
    while [proxy.connections for proxy in far.proxies] <= before:
        assert time.monotonic() < deadline, "the dead connection is not given up"
        time.sleep(0.05)

    far.hole(False)
    assert all(pod.each(lambda logger: logger.flush(40)))
    assert [verdict.final for verdict in pod.finish()] == [True, True]
    rows = [(row["log_step"], row["a"], row["_podlog"]["processes"]) for row in pod.rows("train")]
    assert sorted(rows) == [(step, step, [0, 1]) for step in range(STEPS)]


def _log(loggers: list[Any], first: int, until: int) -> float:
    """The longest call, in seconds."""
    longest = 0.0
    for step in range(first, until):
        for logger in loggers:
            start = time.perf_counter()
            logger.log_host_metrics({"a": step}, step, mode="train")
            longest = max(longest, time.perf_counter() - start)
    return longest

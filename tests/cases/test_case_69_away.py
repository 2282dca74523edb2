"""Case 69: the server is away and jobs stick, or lose what they cannot keep."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from podlog.proto.config import TimingConfig
from podlog.proto.records import LogLine

OUTAGES = 4
EACH = 250


def test_nothing_is_lost_while_the_coordinator_is_away(make_far: Callable[..., Any]) -> None:
    """Most of the job it is away; in the end each record is there once, in its worker's order."""
    far = make_far(3, timing=TimingConfig(heartbeat_s=0.5, row_timeout_s=1))
    pod = far.pod
    for outage in range(OUTAGES):
        far.away(True)
        until = time.monotonic() + 1.5
        for step in range(outage * EACH + 1, (outage + 1) * EACH + 1):
            for process, logger in enumerate(pod.loggers):
                logger.log_host_metrics({"a": step}, step, mode="train")
                logger._pipeline.tell(LogLine(logging.INFO, "app", f"{process} at {step}."))
            time.sleep(max(0.0, (until - time.monotonic()) / EACH))
        far.away(False)
        assert pod.loggers[0].flush(40)
    assert all(pod.each(lambda logger: logger.flush(40)))
    made = [logger.stats()["made"] for logger in pod.loggers]
    assert [verdict.final for verdict in pod.finish()] == [True] * 3
    assert all(count >= 2 * OUTAGES * EACH for count in made)

    rows = pod.rows("train")
    whole = [(r["log_step"], r["_podlog"]["processes"]) for r in rows if r.get("a") is not None]
    assert sorted(whole) == [(s, [0, 1, 2]) for s in range(1, OUTAGES * EACH + 1)]
    for process in range(3):
        mine = [int(s) for s in re.findall(rf"\b{process} at (\d+)\.", pod.log)]
        assert mine == list(range(1, OUTAGES * EACH + 1))

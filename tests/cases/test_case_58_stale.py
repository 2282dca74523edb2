"""Case 58: a network file system fails with stale handles and lock timeouts, also at the end."""

import errno
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from kit_spools import Disk

STEPS = 150


@pytest.mark.parametrize("fault", [errno.EIO, errno.ESTALE, errno.ENOLCK])
@pytest.mark.parametrize("torn", [False, True])
def test_faults_of_the_spool_lose_no_row(
    make_pod: Callable[..., Any], caplog: pytest.LogCaptureFixture, fault: int, torn: bool
) -> None:
    """A new segment, one alert an outage, no row lost or twice, also while it is finalized."""
    pod = make_pod(2)
    disk = Disk(torn=torn)
    pod[0]._pipeline.spool._open_segment = disk
    for outage in range(2):
        tries = itertools.count()
        seen = threading.Event()

        def failing(
            what: str, tries: "itertools.count[int]" = tries, seen: threading.Event = seen
        ) -> int:
            if what == "read" or next(tries) >= 2:
                seen.set()
                return 0
            return fault

        for step in range(outage * STEPS, (outage + 1) * STEPS):
            if step == outage * STEPS + 20:
                disk.fault = failing
            for logger in pod.loggers:
                logger.log_host_metrics({"a": float(step)}, step, mode="train")
        if outage == 0:
            assert all(pod.each(lambda logger: logger.flush(20)))
            assert seen.is_set()
    verdicts = pod.finish()
    assert [(v.status, v.final, v.undelivered) for v in verdicts] == [("success", True, 0)] * 2
    rows = [(row["log_step"], row["a"], row["_podlog"]["processes"]) for row in pod.rows("train")]
    assert rows == [(step, step, [0, 1]) for step in range(2 * STEPS)]
    alerts = [r for r in caplog.records if "the spool cannot be written" in r.message]
    assert len(alerts) == 2
    assert not (pod.folder / "spool").exists()

"""Case 5: one process never comes to where the others wait, and nobody says which."""

import time
from collections.abc import Callable
from typing import Any

from kit_until import until

from podlog.proto.config import TimingConfig
from podlog.worker import Logger

TIMING = TimingConfig(row_timeout_s=1.0, heartbeat_s=0.1)


def test_one_never_starts_the_epoch(make_pod: Callable[..., Any]) -> None:
    """The others never wait for it, and the coordinator names it after row_timeout_s."""
    pod = make_pod(3, timing=TIMING, log_every_n_steps=10)
    pod.each(lambda logger: logger.on_training_start())
    waited = max(pod.each(lambda logger: 0.0 if logger is pod[2] else _train(logger)))
    assert waited < 1.0, "none of them waited for process 2"
    until((pod.folder / "output.log").exists)
    until(lambda: "WARNING podlog: process 2 has not entered mode 'train'" in pod.log)
    assert "for the 1st time, which all others did 1 s ago" in pod.log
    assert "process 0 has not" not in pod.log and "process 1 has not" not in pod.log

    pod[2].start_epoch(1, 0)
    assert pod[2].log_step({}, 1) == {}
    verdicts = pod.finish()
    assert [verdict.status for verdict in verdicts] == ["success"] * 3


def _train(logger: Logger) -> float:
    """A short training; the longest time that a call took."""
    longest = 0.0

    def timed(call: Callable[..., Any], *args: Any) -> None:
        nonlocal longest
        began = time.monotonic()
        call(*args)
        longest = max(longest, time.monotonic() - began)

    timed(logger.start_epoch, 1, 0)
    for step in range(1, 21):
        timed(logger.log_host_metrics, {"loss": 1.0}, step)
        timed(logger.log_step, {}, step)
        timed(logger.should_stop, step)
        timed(getattr, logger, "found_nans")
    return longest

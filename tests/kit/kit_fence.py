"""Coordinators that want a run's folder."""

import time
from collections.abc import Callable
from pathlib import Path

from podlog.coordinator.fence import Claim, Fence

WAIT = 15.0


def claim(
    folder: Path, job: str = "b", *, flock: Callable[[int, int], None] | None = None
) -> Claim:
    more = {} if flock is None else {"flock": flock}
    return Claim(folder, job_id=job, takeover_s=WAIT, host="h2", **more)


def take(folder: Path, job: str = "b") -> Fence:
    fence = claim(folder, job).poll(0.0, time.time())
    assert fence is not None
    return fence

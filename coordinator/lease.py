"""A run's fence while it is held: renewed, and watched for whoever waits for it."""

import logging
import time

from .opening import OpenRun

_log = logging.getLogger(__name__)

LOOK_S = 1.0


class Lease:
    """Owned by the state thread. `now` is monotonic seconds.

    Args:
        opened: the run; one without a folder has no fence.
        takeover_s: how long others believe a lease that is not renewed.
    """

    def __init__(self, opened: OpenRun, takeover_s: float) -> None:
        self._fence = opened.fence
        self._log_path = opened.log_path
        self._takeover_s, self._period = takeover_s, takeover_s / 3
        self._renew_at = 0.0
        self._look_at = time.monotonic() + self._period  # workers of a restarted one come back
        self._wanted = False

    def renew(self, now: float) -> None:
        """Says that this coordinator lives, three times in the time others wait for it."""
        if self._fence is None or now < self._renew_at:
            return
        self._renew_at = now + self._period
        try:
            self._fence.renew(time.time())
        except OSError as error:
            _log.warning("the lease in %s cannot be renewed: %s", self._log_path, error)

    def check(self, now: float) -> bool:
        """Whether the run is still ours; after a pause as long as the lease it is looked up."""
        if self._renew_at and now > self._renew_at + self._takeover_s - self._period:
            self.renew(now)
        if self._fence is not None:
            self._fence.keep()
        return not self.lost

    @property
    def lost(self) -> bool:
        """Whether another coordinator has taken the run, though this one lives."""
        return self._fence is not None and self._fence.lost

    def wanted(self, now: float) -> bool:
        """Whether a successor waits for the run; looked up once a second."""
        if self._fence is not None and now >= self._look_at:
            self._look_at = now + LOOK_S
            self._wanted = self._fence.wanted() is not None
        return self._wanted

    def next_deadline(self) -> float | None:
        """When something has to be done."""
        return None if self._fence is None else min(self._renew_at, self._look_at)

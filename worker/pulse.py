"""Whether the other end of a connection lives; pure."""

from ..proto.session import Flow

SILENT_HEARTBEATS = 3
"""Heartbeats without a sign of life after which a connection is given up."""


class Pulse:
    """Two signs of life: a word from the coordinator, and a queue that moves.

    On a slow link an answer stands behind what was sent before it. So a
    transport that had something waiting for a while, and then took a part of
    it, counts as a sign too. What it takes at once proves nothing: the kernel
    takes a heartbeat to a host that is gone.

    Args:
        heartbeat_s: period of heartbeats, in seconds.
        now: monotonic seconds, as everywhere here.
    """

    def __init__(self, heartbeat_s: float, now: float) -> None:
        self.heartbeat_s = heartbeat_s
        self._sign = now
        self._flow = Flow()

    def heard(self, now: float) -> None:
        """A word came."""
        self._sign = now

    def watch(self, flow: Flow, now: float) -> None:
        """Notes how the transport gets on."""
        last, self._flow = self._flow, flow
        if last.waiting and flow.taken > last.taken and now - last.since >= self.heartbeat_s / 4:
            self._sign = now

    @property
    def deadline(self) -> float:
        """When the connection is given up if no sign comes."""
        return self._sign + SILENT_HEARTBEATS * self.heartbeat_s

    def alive(self, now: float) -> bool:
        """Whether a sign came lately."""
        return now < self.deadline

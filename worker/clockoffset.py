"""How far the coordinator's wall clock is from this process's; pure."""

import math
from collections import deque
from typing import NamedTuple

EXCHANGES = 16
"""Answered heartbeats that are remembered; that with the least round trip counts."""

_SLACK_S = 0.002
_DRIFT = 500e-6  # how much faster than real time a clock may be made to run


class Measured(NamedTuple):
    """An offset and the round trip of the exchange it is from, in seconds."""

    offset: float
    round_trip: float


class _Exchange(NamedTuple):
    """`ahead` is the coordinator's wall clock minus our monotonic one."""

    ahead: float
    round_trip: float
    at: float


class ClockOffset:
    """Measures by heartbeats, as NTP does, against the monotonic clock.

    So a wall clock of this process that jumps or is slewed spoils nothing: the
    offset follows it at once. An answer that contradicts the earlier ones
    (another coordinator, one whose clock was set) makes them forgotten.

    `now` is monotonic seconds, as everywhere here. Not thread-safe.
    """

    def __init__(self) -> None:
        self._sent: deque[tuple[float, float]] = deque(maxlen=EXCHANGES)
        self._heard: deque[_Exchange] = deque(maxlen=EXCHANGES)

    def sent(self, wall: float, now: float) -> None:
        """A heartbeat leaves that says `wall`."""
        self._sent.append((wall, now))

    def replied(self, sent: float, received: float, replied: float, now: float) -> None:
        """Its answer came: what it had said, and the coordinator's wall clock before and after."""
        began = next((at for wall, at in self._sent if wall == sent), None)
        if began is None or not (math.isfinite(received) and math.isfinite(replied)):
            return
        round_trip = max(0.0, (now - began) - (replied - received))
        ahead = ((received - began) + (replied - now)) / 2
        new = _Exchange(ahead, round_trip, now)
        if any(_contradict(old, new) for old in self._heard):
            self._heard.clear()
        self._heard.append(new)

    def at(self, wall: float, now: float) -> Measured:
        """The coordinator's wall clock minus ours, which is at `wall`; (0, 0): not measured yet."""
        if not self._heard:
            return Measured(0.0, 0.0)
        best = min(self._heard, key=lambda exchange: exchange.round_trip)
        return Measured(best.ahead + now - wall, best.round_trip)


def _contradict(old: _Exchange, new: _Exchange) -> bool:
    """Whether no clock that runs evenly gives both."""
    bound = (old.round_trip + new.round_trip) / 2 + _SLACK_S + _DRIFT * (new.at - old.at)
    return abs(new.ahead - old.ahead) > bound

"""Which process is slow: its seconds a step in phase "data", held against those of the others.

In synchronous training every step takes as long as the slowest process's, so
step times do not tell who that is; what each waits for its own data does.

::

    heartbeats ──► windows of 10 steps or more ──► slow: 1.2 x the others' median
                                                     │
                      4 of the last 5, each beyond   │   15 of the last 20:
                      what others reach at times: chronic, if it is noisy, too
                                                     │
                                     fewer, but long: one-off, no alarm
"""

import bisect
import collections
import dataclasses
import statistics
from collections.abc import Container

from .beat import Beat

PHASE = "data"
WINDOW_STEPS = 10
RECENT, RECENT_SLOW = 5, 4
KEPT, KEPT_SLOW = 20, 15
"""So many slow windows of so many are chronic; of the recent ones where all is calm."""

FACTOR = 1.2
LEAST_S = 0.001
LEAST_SHARE = 0.02
"""Less than this share of a step is not worth a word, nor is less than `LEAST_S`."""

ONE_OFF_S = 1.0
_JUDGE_S = 1.0
_PACES_A_SECOND = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Slow:
    """A process that waits longer for its data than the others.

    Attributes:
        process: its index.
        chronic: in most of its last windows; else it was a one-off.
        seconds: a step, lately.
        usual: the median of the others.
        steps: how many steps were looked at.
        extra: seconds that its longest window took more than it would have at `usual`.
    """

    process: int
    chronic: bool
    seconds: float
    usual: float
    steps: int
    extra: float

    @property
    def text(self) -> str:
        """One line for people."""
        if not self.chronic:
            return f"process {self.process} once waited {self.extra:.1f} s longer for its data"
        return (
            f"process {self.process} is slow: it waits {_span(self.seconds)} a step for its data, "
            f"the others {_span(self.usual)} (over the last {self.steps} steps)"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Window:
    steps: int
    seconds: float
    step_seconds: float


class _Pace:
    """The last windows of one life.

    Attributes:
        steps: where the next window begins.
        typical: the median of the recent windows.
        steady, high: the median and the longest of all that are kept.
    """

    def __init__(self, beat: Beat) -> None:
        self.windows: collections.deque[_Window] = collections.deque(maxlen=KEPT)
        self.steps, self._waited = beat.steps, _waited(beat)
        self.typical = self.steady = self.high = 0.0

    @property
    def recent(self) -> list[_Window]:
        return list(self.windows)[-RECENT:]

    def take(self, beat: Beat) -> bool:
        """Whether a window is full."""
        steps, waited = beat.steps - self.steps, _waited(beat) - self._waited
        if steps < WINDOW_STEPS:
            return False
        self.windows.append(_Window(steps, waited / steps, beat.step_seconds))
        self.typical = statistics.median(window.seconds for window in self.recent)
        kept = [window.seconds for window in self.windows]
        self.steady, self.high = statistics.median(kept), max(kept)
        self.steps, self._waited = beat.steps, _waited(beat)
        return True


class Slowness:
    """Follows every process. Not thread-safe; the state thread owns it.

    `now` is monotonic seconds.
    """

    def __init__(self) -> None:
        self._paces: dict[int, _Pace] = {}
        self._found: dict[int, Slow] = {}
        self._fresh = False
        self._judge_at = 0.0

    def beat(self, process: int, beat: Beat) -> None:
        """A heartbeat came; fewer steps than before are those of a new life."""
        pace = self._paces.get(process)
        if pace is None or beat.steps < pace.steps:
            self._paces[process] = _Pace(beat)
        else:
            self._fresh |= pace.take(beat)

    def due(self, now: float) -> bool:
        """Whether `judge` has something to do."""
        return self._fresh and now >= self._judge_at

    def judge(self, running: Container[int], now: float) -> list[Slow]:
        """Compares those that run; returns who became chronic.

        At most once a second, of very large jobs less often.
        """
        if not self.due(now):
            return []
        self._fresh = False
        self._judge_at = now + max(_JUDGE_S, len(self._paces) / _PACES_A_SECOND)
        before = {process for process, slow in self._found.items() if slow.chronic}
        self._paces = {p: pace for p, pace in self._paces.items() if p in running}
        paces = {p: pace for p, pace in self._paces.items() if len(pace.windows) >= RECENT}
        ranked = [
            sorted(getattr(pace, name) for pace in paces.values())
            for name in ("typical", "steady", "high")
        ]
        found = {}
        for process, pace in paces.items() if len(paces) > 1 else ():
            own = (pace.typical, pace.steady, pace.high)
            others = [_median_without(*pair) for pair in zip(ranked, own, strict=True)]
            slow = _judged(process, pace, others, process in before)
            if slow is not None:
                found[process] = slow
        self._found = found
        return [slow for p, slow in sorted(found.items()) if slow.chronic and p not in before]

    def found(self) -> list[Slow]:
        """What stands out, by process."""
        return [slow for _, slow in sorted(self._found.items())]

    def seconds(self, process: int) -> float:
        """A process's seconds a step in phase "data", lately; 0: none, or not known."""
        pace = self._paces.get(process)
        return 0.0 if pace is None else pace.typical


def _judged(process: int, pace: _Pace, others: list[float], was: bool) -> Slow | None:
    """Most of the recent windows are enough to stay chronic: else it would come and go."""
    usual, steady, high = others
    slow = [window for window in pace.recent if _is_slow(window, usual)]
    extra = max(((w.seconds - usual) * w.steps for w in slow), default=0.0)
    if was:
        chronic = len(slow) > RECENT // 2
    else:
        chronic = sum(window.seconds > high for window in slow) >= RECENT_SLOW
        chronic |= sum(_is_slow(window, steady) for window in pace.windows) >= KEPT_SLOW
    if not chronic and extra < ONE_OFF_S:
        return None
    steps = sum(window.steps for window in pace.recent)
    return Slow(process, chronic, pace.typical, usual, steps, extra)


def _is_slow(window: _Window, usual: float) -> bool:
    least = max(LEAST_S, LEAST_SHARE * window.step_seconds)
    return window.seconds >= FACTOR * usual and window.seconds - usual >= least


def _median_without(ranked: list[float], own: float) -> float:
    """The median of a sorted list from which one value is taken out."""
    at, rest = bisect.bisect_left(ranked, own), len(ranked) - 1
    middle = [ranked[i + (i >= at)] for i in ((rest - 1) // 2, rest // 2)]
    return sum(middle) / 2


def _waited(beat: Beat) -> float:
    return beat.phase_seconds.get(PHASE, 0.0)


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s"

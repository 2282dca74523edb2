"""What tools are shown: rows pass process 0's ``metric_postprocess_fn``, in order.

Pure: rows, answers and `now` (monotonic seconds) in, requests and rows out. A
row that process 0 has yet to answer holds back every later one, so tools see
them in order; process 0 not connected, or silent for `limit_s`, and the row
goes as merged with the flag ``unprocessed``. The time of each row begins when
it is the first in line; after two in vain none waits until there is an answer.
"""

import collections
import dataclasses
from collections.abc import Mapping

from ..proto.records import Kind
from ..proto.rows import Row, Value

OWN_KEYS = ("epoch", "step_time", "epoch_time")
"""Keys that podlog adds itself: the function does not see them."""

FLAG = "unprocessed"
WINDOW = 64


@dataclasses.dataclass(eq=False)
class _Held:
    row: Row
    wanted: bool
    asked: float | None = None


class Showing:
    """Rows on their way to the tools, in order of id.

    Args:
        limit_s: how long the oldest question may stay unanswered.

    Attributes:
        wanted: whether process 0 has a function.
        connected: whether process 0 can be asked now.
    """

    def __init__(self, limit_s: float = 5.0) -> None:
        self.wanted = False
        self.connected = False
        self._limit = limit_s
        self._held: collections.deque[_Held] = collections.deque()
        self._front_since = 0.0
        self._missed = 0
        self._ask_at = 0.0

    def add(self, row: Row, now: float) -> None:
        """Takes a row that the journal holds (it has an id)."""
        wanted = self.wanted and row.key.kind in (Kind.STEP, Kind.EPOCH)
        if not self._held:
            self._front_since = now
        self._held.append(_Held(row, wanted))

    def questions(self, now: float) -> list[tuple[int, dict[str, Value]]]:
        """Ids and metrics to ask process 0 about now."""
        if not self.connected or (self._silent and now < self._ask_at):
            return []
        self._ask_at = now + self._limit
        found = []
        for held in list(self._held)[: 1 if self._silent else WINDOW]:
            if held.wanted and held.asked is None:
                held.asked = now
                hidden = {k: v for k, v in held.row.metrics.items() if k not in OWN_KEYS}
                found.append((held.row.id, hidden))
        return found

    def answer(self, number: int, metrics: Mapping[str, Value] | None) -> None:
        """Process 0's answer on row `number`; None: its function raised."""
        self._missed = 0
        for held in self._held:
            if held.row.id == number and held.wanted and held.asked is not None:
                held.wanted = False
                held.row = _unprocessed(held.row) if metrics is None else _shown(held.row, metrics)
                return

    def disconnected(self) -> None:
        """Process 0 is gone: nobody answers what is held, nor what was asked."""
        self.connected = False

    def release(self, now: float) -> list[tuple[Row, bool]]:
        """Rows that may go, in order; true for those that changed since `add`."""
        gone = []
        while self._held:
            front = self._held[0]
            late = (
                front.asked is not None and now - max(front.asked, self._front_since) >= self._limit
            )
            if front.wanted:
                if self.connected and not late and not self._silent:
                    break
                self._missed += late
                front.row = _unprocessed(front.row)
            self._held.popleft()
            self._front_since = now
            gone.append((front.row, front.row.shown is not None or FLAG in front.row.flags))
        return gone

    @property
    def _silent(self) -> bool:
        """Whether process 0 let two rows go in vain: none waits for it until it answers again."""
        return self._missed > 1

    def next_deadline(self) -> float | None:
        """When `release` must be called again though nothing was answered."""
        if not self._held or self._held[0].asked is None:
            return None
        return max(self._held[0].asked, self._front_since) + self._limit

    def before(self) -> int | None:
        """The id of the first row held back; None if there is none."""
        return self._held[0].row.id if self._held else None


def _shown(row: Row, metrics: Mapping[str, Value]) -> Row:
    """The row with the answer, known keys in its own order, new ones sorted behind."""
    new = sorted(key for key in metrics if key not in row.metrics)
    order = [*(key for key in row.metrics if key in metrics), *new]
    own = {key: row.metrics[key] for key in OWN_KEYS if key in row.metrics}
    return dataclasses.replace(row, shown={key: metrics[key] for key in order} | own)


def _unprocessed(row: Row) -> Row:
    return dataclasses.replace(row, flags=(*row.flags, FLAG))

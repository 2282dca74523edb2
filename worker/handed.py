"""How far this process is: which steps it handed in, and when that holds.

A `pb.Progress` promises that nothing of an earlier step will come. That is
true only when every record made before it lies in the spool, so each step is
kept with the number of *tickets* given out before it, and shows up once all of
these are done::

    step 10 │ ticket 1 │ step 11 │ ticket 2 │ step 12
            └ done ────┴─────────┴ open ────┘
    holds:   step 11 (one ticket before it, done); step 12 not yet
"""

import threading
from collections import deque

from ..proto import podlog_pb2 as pb
from ..proto.records import Kind
from .numberset import NumberSet

_Key = tuple[str, Kind]

MARKS = 4096
"""Kept of each (mode, kind); beyond it, with a disk that stalls, progress gets coarser."""

_Mark = tuple[int, int, bool]
"""Tickets given out before it, step, whether the mode was left."""


class Handed:
    """Steps handed in and tickets of records on their way to the spool.

    Thread-safe. `step` and `ticket` cost well under a microsecond: no lock is
    held across anything but a few dictionary operations.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may log while its thread is in here
        self._given = 0
        self._below = 0
        self._seq = 0
        self._ahead = NumberSet()
        self._marks: dict[_Key, deque[_Mark]] = {}
        self._held: dict[_Key, _Mark] = {}

    def ticket(self) -> int:
        """A number for a record to come, from 1; it must be given to `done` later."""
        with self._lock:
            given = self._given = self._given + 1
            return given

    def done(self, *tickets: int, seq: int = 0) -> None:
        """The records of `tickets` lie in the spool, or will never come.

        Args:
            tickets: all that one write ended, at once, so that no progress
                falls between them.
            seq: the last sequence number of the spool behind that write.
        """
        with self._lock:
            for ticket in tickets:
                self._ahead.add(ticket)
            self._below = self._ahead.take_from(self._below + 1)
            self._seq = max(self._seq, seq)

    def step(self, mode: str, kind: Kind, step: int) -> None:
        """Notes one ``log_*`` call, logged or not, before its ticket is taken."""
        with self._lock:
            self._mark((mode, kind), step, False)

    def leave(self, mode: str, step: int) -> None:
        """The process left `mode` at the global `step`: nothing more of it up to there."""
        with self._lock:
            for key, marks in list(self._marks.items()):
                if key[0] == mode:
                    last = marks[-1] if marks else self._held[key]
                    self._mark(key, max(last[1], step), True)

    def progress(self) -> list[pb.Progress]:
        """What holds now, for each (mode, kind), once all records up to its `seq` are known.

        A record made behind it has a greater number, so that one that was
        overtaken can be told from a step back.
        """
        with self._lock:
            for key, marks in self._marks.items():
                self._settle(key, marks)
            held, seq = list(self._held.items()), self._seq
        return [
            pb.Progress(mode=mode, kind=kind.name, step=step, seq=seq, left=left)
            for (mode, kind), (_, step, left) in held
        ]

    @property
    def open(self) -> int:
        """Tickets given out and not done."""
        with self._lock:
            return self._given - self._below - self._ahead.count

    def _mark(self, key: _Key, step: int, left: bool) -> None:
        given = self._given
        marks = self._marks.get(key)
        if marks is None:
            marks = self._marks[key] = deque()
        if marks and marks[-1][0] == given:
            marks[-1] = (given, step, left)  # holds exactly when the one before would
            return
        self._settle(key, marks)
        if len(marks) >= MARKS:
            marks.pop()
        marks.append((given, step, left))

    def _settle(self, key: _Key, marks: deque[_Mark]) -> None:
        while marks and marks[0][0] <= self._below:
            self._held[key] = marks.popleft()

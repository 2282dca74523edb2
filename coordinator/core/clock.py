"""When a row closes: records and progress in, closings out, time passed in.

A row is given out when every live process is in it or past it, or when those
that are neither have been waited for long enough. Rows of one (mode, kind)
are given out in order of (step, n); what comes for a row already given out,
or for one before it, is *late* and makes a revision.

Given the records of all processes and truthful progress, which records make
which row does not depend on the order in which processes are heard.
"""

import dataclasses
import heapq
import math
from collections.abc import Iterable, Sequence

from ...proto.config import TimingConfig
from ...proto.records import Kind, Record
from ...proto.rows import RowKey
from .peer import Peer
from .stream import Closing, RowStream

__all__ = ["Clock", "Closing", "GlobalStep"]


@dataclasses.dataclass(frozen=True, slots=True)
class GlobalStep:
    """Smallest and largest step that live processes have handed in."""

    min: int
    max: int

    @property
    def skew(self) -> int:
        """How many steps the last process is behind the first."""
        return self.max - self.min


class Clock:
    """Decides when rows close. Not thread-safe; the state thread owns it.

    `now` is monotonic seconds and never decreases from call to call. Attempts
    are the numbers of `Attempts`. A process's records are passed in order of
    sequence number.

    Args:
        timing: `row_timeout_s` is used.
    """

    def __init__(self, timing: TimingConfig) -> None:
        self._timeout = timing.row_timeout_s
        self._peers: dict[int, Peer] = {}
        self._live: set[int] = set()
        self._streams: dict[tuple[int, str, Kind], RowStream] = {}
        self._ready: list[Closing] = []
        self._arrivals = 0

    # ------------------------------------------------------------ who is there

    def expect(self, processes: Iterable[int], now: float) -> None:
        """Adds the job's process indices; one not yet joined is live and disconnected."""
        for process in processes:
            self._peer(process, now)

    def join(self, process: int, now: float, *, incarnation: int = 0) -> None:
        """A process said hello; also one that had left.

        Args:
            process: its index.
            now: monotonic seconds.
            incarnation: its life, so that one which comes back at an older
                step is not taken for one that went back by itself; 0: unknown.
        """
        peer = self._peer(process, now)
        peer.live = peer.can_return = True
        self._live.add(process)
        peer.born(incarnation)
        peer.link(True, 0, now)

    def leave(self, process: int, now: float, *, lost: bool = False) -> None:
        """A process is not waited for any more.

        Args:
            process: its index.
            now: monotonic seconds.
            lost: it said no goodbye and may still come back with records;
                rows without it stay incomplete.
        """
        peer = self._peer(process, now)
        peer.live = False
        peer.can_return = lost
        self._live.discard(process)

    def link(self, process: int, connected: bool, backlog: int, now: float) -> None:
        """The state of a process's connection, and how much it has spooled and not sent."""
        self._peer(process, now).link(connected, backlog, now)

    # ------------------------------------------------------------ what happens

    def record(self, record: Record, attempt: int, now: float) -> None:
        """Takes a newly accepted record of kind STEP, HOST or EPOCH."""
        peer = self._peer(record.process, now)
        draft = record.draft
        order, back = peer.recorded(
            attempt, record.mode, record.kind, draft.step, draft.n, record.incarnation
        )
        stream = self._stream(attempt, record.mode, record.kind)
        self._arrivals += 1
        stream.add(record, order, back, now, self._arrivals)
        self._ready += stream.take_full()

    def progress(
        self,
        process: int,
        attempt: int,
        mode: str,
        kind: Kind,
        step: int,
        left: bool,
        now: float,
    ) -> None:
        """A process handed in `step` of (mode, kind), or `left` the mode after it.

        To be called only when all records up to the progress's sequence number
        have been passed in.
        """
        self._peer(process, now).handed(attempt, mode, kind, step, left)

    # --------------------------------------------------------------- what closes

    def due(self, now: float) -> list[Closing]:
        """What closes by now, in giving-out order; late revisions come last."""
        closings, self._ready = self._ready, []
        closings += self._take(now)
        for stream in self._streams.values():
            closings += stream.take_late()
        return closings

    def next_deadline(self) -> float | None:
        """When `due` may give out something though nothing was heard; None: never."""
        times = [s.deadline() for s in self._streams.values()]
        if self._ready or any(s.has_late for s in self._streams.values()):
            times.append(-math.inf)
        soonest = min(times, default=math.inf)
        return None if soonest == math.inf else soonest

    def flush(self, now: float) -> list[Closing]:
        """Closes everything that is open, for settling; in giving-out order."""
        return self.due(now) + self._take(math.inf)

    def completed(self) -> list[RowKey]:
        """Rows given out incomplete to which nobody can add any more, each told once."""
        return [key for stream in self._streams.values() for key in stream.take_completed()]

    def known(
        self,
        key: RowKey,
        revision: int,
        processes: Iterable[int],
        records: Sequence[Record] = (),
    ) -> None:
        """Marks a row as already given out, after a restart of the coordinator.

        Args:
            key: its identity.
            revision: its newest revision.
            processes: who is in it.
            records: its records, where they are kept; host rows need them to
                find what late records belong to.
        """
        self._stream(key.attempt, key.mode, key.kind).remember(key, revision, processes, records)

    def skew(self) -> dict[str, GlobalStep]:
        """The global step of each mode, over the live processes in it."""
        steps: dict[str, list[int]] = {}
        for process in self._live:
            for mode, step in self._peers[process].steps():
                steps.setdefault(mode, []).append(step)
        return {mode: GlobalStep(min(found), max(found)) for mode, found in sorted(steps.items())}

    def _take(self, now: float) -> list[Closing]:
        """Takes what can close, of all streams in order of arrival as far as theirs allows."""
        fronts = [(f, i, s) for i, s in enumerate(self._streams.values()) if (f := s.front(now))]
        heapq.heapify(fronts)
        closings: list[Closing] = []
        while fronts:
            _, i, stream = fronts[0]
            closings += stream.take(now)
            front = stream.front(now)
            if front is None:
                heapq.heappop(fronts)
            else:
                heapq.heapreplace(fronts, (front, i, stream))
        return closings

    def _peer(self, process: int, now: float) -> Peer:
        peer = self._peers.get(process)
        if peer is None:
            peer = self._peers[process] = Peer(now)
            self._live.add(process)
        return peer

    def _stream(self, attempt: int, mode: str, kind: Kind) -> RowStream:
        where = (attempt, mode, kind)
        stream = self._streams.get(where)
        if stream is None:
            stream = RowStream(attempt, mode, kind, self._peers, self._live, self._timeout)
            self._streams[where] = stream
        return stream

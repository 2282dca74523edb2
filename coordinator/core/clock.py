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
from collections.abc import Container, Iterable, Sequence

from ...proto.config import TimingConfig
from ...proto.records import Kind, Record
from ...proto.rows import RowKey
from .attempts import Attempt, Attempts
from .audience import Audience
from .closing import Closing
from .incomplete import Passed
from .peer import Peer
from .stream import RowStream

__all__ = ["Clock", "Closing", "GlobalStep", "Passed"]

STREAMS = 32
"""Of so many (attempt, mode, kind) rows given out are remembered."""


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

    `now` is monotonic seconds and never decreases from call to call. A process's
    records are passed in order of sequence number. Rows of attempts of earlier
    jobs close only by `flush`, or when there is no room for more.

    Args:
        timing: `row_timeout_s` is used.
    """

    def __init__(self, timing: TimingConfig) -> None:
        self._timeout = timing.row_timeout_s
        self._attempts = Attempts()
        self._held_until = -math.inf
        self._peers: dict[int, Peer] = {}
        self._live: set[int] = set()
        self._streams: dict[tuple[int, str, Kind], RowStream] = {}
        self._ready: list[Closing] = []
        self._arrivals = 0

    # ------------------------------------------------------------ who is there

    def attempts(self, known: Iterable[Attempt], job_id: str) -> None:
        """Says which attempts there are: at start, and whenever one is learned.

        Args:
            known: all of them; a number that is not among them is taken for a
                newer one of this job.
            job_id: the present job.
        """
        self._attempts.tell(known, job_id)
        for stream in self._streams.values():
            stream.audience.refresh()

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
        if self._attempts.ended(attempt):
            self.orphan(record, attempt, now)
            return
        peer = self._peer(record.process, now)
        draft = record.draft
        order, back = peer.recorded(
            attempt, record.mode, record.kind, draft.step, draft.n, record.incarnation
        )
        stream = self._stream(attempt, record.mode, record.kind)
        self._arrivals += 1
        stream.add(record, order, back, now, self._arrivals)
        if now >= self._held_until:
            self._ready += stream.take_full()

    def orphan(self, record: Record, attempt: int, now: float) -> None:
        """Takes a newly accepted record of an incarnation that is gone, from its spool.

        It says nothing about how far any process is, and nobody is waited for
        because of it: it joins a row that is open, revises one that was given
        out, or makes a row.
        """
        self._arrivals += 1
        self._stream(attempt, record.mode, record.kind).orphan(record, now, self._arrivals)

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

    def hold(self, until: float) -> None:
        """Lets no row close before `release`, or `until`: spools are being read."""
        self._held_until = until

    def reading(self, spools: bool) -> None:
        """Whether spools of the dead are still being read: rows can be added to meanwhile.

        A process that came back says how far it is, not how far it was in the
        life before, of which records may still be found.
        """
        self._attempts.reading = spools

    def release(self) -> None:
        """Ends `hold`."""
        self._held_until = -math.inf

    def due(self, now: float) -> list[Closing]:
        """What closes by now, in giving-out order; late revisions come last."""
        closings, self._ready = self._ready, []
        held = now < self._held_until
        closings += self._take(self._streams.values(), now, held=held)
        for stream in self._streams.values():
            closings += stream.take_late()
        return closings

    def next_deadline(self) -> float | None:
        """When `due` may give out something though nothing was heard; None: never."""
        times = [stream.deadline(self._held_until) for stream in self._streams.values()]
        if self._ready or any(s.has_late for s in self._streams.values()):
            times.append(-math.inf)
        soonest = min(times, default=math.inf)
        return None if soonest == math.inf else soonest

    def flush(self, now: float, attempts: Container[int] | None = None) -> list[Closing]:
        """Closes everything that is open, of `attempts` only if given; in giving-out order."""
        closings = self.due(now)
        wanted = [s for (a, *_), s in self._streams.items() if attempts is None or a in attempts]
        return closings + self._take(wanted, now, all_=True)

    def completed(self) -> list[RowKey]:
        """Rows given out incomplete to which nobody can add any more, each told once.

        One that has been forgotten by then is not among them; see `passed`.
        """
        return [key for stream in self._streams.values() for key in stream.take_completed()]

    def passed(self) -> list[Passed]:
        """Where rows that were forgotten while incomplete are complete by now."""
        return [told for s in self._streams.values() if (told := s.take_passed()) is not None]

    def known(
        self,
        key: RowKey,
        revision: int,
        processes: Iterable[int],
        records: Sequence[Record] = (),
    ) -> None:
        """Marks a row as already given out, after a restart; in the order of that.

        Args:
            key: its identity.
            revision: its newest revision.
            processes: who is in it.
            records: its records, where they are kept; host rows need them to
                find what late records belong to.
        """
        self._stream(key.attempt, key.mode, key.kind).remember(key, revision, processes, records)

    def step(self, process: int) -> int:
        """The greatest of the last steps that a process handed in by ``log_step``; 0: none."""
        peer = self._peers.get(process)
        return 0 if peer is None else peer.step

    def skew(self) -> dict[str, GlobalStep]:
        """The global step of each mode, over the live processes in it."""
        steps: dict[str, list[int]] = {}
        for process in self._live:
            for mode, step in self._peers[process].steps():
                steps.setdefault(mode, []).append(step)
        return {mode: GlobalStep(min(found), max(found)) for mode, found in sorted(steps.items())}

    def _take(
        self, streams: Iterable[RowStream], now: float, *, held: bool = False, all_: bool = False
    ) -> list[Closing]:
        """Takes what can close, of all streams in order of arrival as far as theirs allows."""
        fronts = [
            (front, i, stream)
            for i, stream in enumerate(streams)
            if (front := stream.front(now, held=held, all_=all_)) is not None
        ]
        heapq.heapify(fronts)
        closings: list[Closing] = []
        while fronts:
            _, i, stream = fronts[0]
            closings += stream.take(math.inf if all_ else now)
            front = stream.front(now, held=held, all_=all_)
            if front is None:
                heapq.heappop(fronts)
            else:
                heapq.heapreplace(fronts, (front, i, stream))
        return closings

    def _peer(self, process: int, now: float) -> Peer:
        peer = self._peers.get(process)
        if peer is None:
            peer = self._peers[process] = Peer(now, self._attempts)
            self._live.add(process)
        return peer

    def _stream(self, attempt: int, mode: str, kind: Kind) -> RowStream:
        where = (attempt, mode, kind)
        stream = self._streams.get(where)
        if stream is None:
            self._shrink()
            audience = Audience(where, self._peers, self._live, self._attempts, self._timeout)
            stream = self._streams[where] = RowStream(audience.refresh())
        return stream

    def _shrink(self) -> None:
        """Makes room for a stream: the one not used for longest forgets its rows."""
        full = [stream for stream in self._streams.values() if stream.remembered]
        idle = [stream for stream in full if stream.idle]
        if len(full) >= STREAMS and idle:
            min(idle, key=lambda stream: stream.used).shrink()

"""Wall clocks that differ: what each process's is off by, and times put right."""

import json
import math
import time
from collections.abc import Callable

from ..proto import podlog_pb2 as pb
from ..proto.records import Event
from .journal import Journal
from .streams import Stream

TOLD_S = 1.0
"""A clock that is off, or jumps, by more than this is told."""

_KEPT_S = 0.01
_META = "offset "


class Skews:
    """Offsets of the workers' clocks from the coordinator's, by incarnation.

    Owned by the state thread; what writes belongs into a transaction. An
    offset is what has to be added to a worker's time; a *skew* is its
    negative, by how much the worker's clock is ahead.

    Args:
        journal: keeps offsets, for records that come when their writer is gone.
        on_event: takes an event about a process.
    """

    def __init__(self, journal: Journal, on_event: Callable[[Event, int], None]) -> None:
        self._journal = journal
        self._on_event = on_event
        self._measured: dict[int, float] = {}
        self._rough: dict[int, float] = {}
        self._kept: dict[int, float | None] = {}
        self._newest: dict[int, float] = {}

    def heard(self, stream: Stream, heartbeat: pb.Heartbeat, received: float) -> None:
        """A heartbeat came: as its process measured, else by when it was sent.

        The latter holds only for what is grossly off: it cannot be told from
        the time on the way.

        Args:
            stream: of the process.
            heartbeat: what it said.
            received: the coordinator's wall clock then.
        """
        numbers = (heartbeat.sent, heartbeat.offset_s, heartbeat.round_trip_s)
        if not all(map(math.isfinite, numbers)):
            return
        incarnation = stream.hello.incarnation
        if heartbeat.round_trip_s > 0:
            self._measured[incarnation] = heartbeat.offset_s
            if stream.met:
                self._keep(stream)
        elif abs(received - heartbeat.sent) > TOLD_S:
            self._rough[incarnation] = received - heartbeat.sent

    def met(self, stream: Stream) -> None:
        """A process leaves traces from now on."""
        if stream.hello.incarnation in self._measured:
            self._keep(stream)

    def right(self, incarnation: int, told: float, now: float | None = None) -> float:
        """A worker's time by the coordinator's clock.

        Never later than now, nor earlier than the time before it of that
        incarnation: its clock may have jumped since.

        Args:
            incarnation: whose time it is.
            told: by its own clock.
            now: the coordinator's wall clock; None: looked up.
        """
        now = time.time() if now is None else now
        newest = self._newest.get(incarnation, -math.inf)
        found = min(max(told + self._offset(incarnation), newest), now)
        self._newest[incarnation] = max(newest, found)
        return found

    def _keep(self, stream: Stream) -> None:
        """Has the journal know what was measured, and people what is far off."""
        incarnation = stream.hello.incarnation
        before, offset = self._kept_offset(incarnation), self._measured[incarnation]
        if before is not None and abs(offset - before) <= _KEPT_S:
            return
        self._kept[incarnation] = offset
        self._journal.set_meta(f"{_META}{incarnation:x}", json.dumps(offset))
        ahead = f"{abs(offset):.2f} s {'ahead of' if offset < 0 else 'behind'} the coordinator's"
        if before is not None and abs(offset - before) > TOLD_S:
            self._tell(stream, f"jumped by {before - offset:+.2f} s and is {ahead}", offset)
        elif abs(offset) > TOLD_S >= abs(before or 0.0):
            self._tell(stream, f"is {ahead}", offset)

    def _tell(self, stream: Stream, what: str, offset: float) -> None:
        text = f"the clock of {stream.name} {what}: its times are put right"
        fields = {"skew_s": f"{-offset:.3f}"}
        event = Event("clock", text, host=stream.hello.host, fields=fields)
        self._on_event(event, stream.hello.process)

    def offset(self, incarnation: int) -> float | None:
        """What has to be added to a worker's time; None: its clock was never measured."""
        found = self._measured.get(incarnation)
        return self._kept_offset(incarnation) if found is None else found

    def _offset(self, incarnation: int) -> float:
        found = self.offset(incarnation)
        return self._rough.get(incarnation, 0.0) if found is None else found

    def _kept_offset(self, incarnation: int) -> float | None:
        """What the journal has, to 10 ms, read once."""
        if incarnation not in self._kept:
            text = self._journal.meta(f"{_META}{incarnation:x}")
            self._kept[incarnation] = None if text is None else float(json.loads(text))
        return self._kept[incarnation]

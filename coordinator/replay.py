"""Records of the dead: what a spool found here, or relayed by a worker, does to the run."""

import time
from collections.abc import Callable

from ..proto import podlog_pb2 as pb
from ..proto.errors import WireError
from ..proto.records import Event
from ..proto.session import PROTOCOL
from ..proto.spoolfolder import spool_folder
from .core.clock import Clock
from .faults import is_fault
from .intake import Intake
from .lives import Lives
from .messages import check_numbers
from .opening import OpenRun
from .orphans import Delivery, Orphans
from .restart import KnownRows
from .streams import Stream

_TOLD = 1000  # foreign spools named; no further ones are

Post = Callable[[Callable[[], None]], None]


class Replay:
    """The state thread's side of `Orphans`; owns it. Not thread-safe, except as a receiver.

    Args:
        opened: the run.
        post: hands a call to the state thread.
        row_timeout_s: how long rows may be held up by spools.

    Attributes:
        through: number of the newest scan that is through; see `scan`.
    """

    def __init__(self, opened: OpenRun, post: Post, row_timeout_s: float) -> None:
        self._run_id = opened.run_id
        self._post = post
        self._timeout = row_timeout_s
        self._deliveries: list[Delivery] = []
        self._foreign: set[int] = set()
        self._opened = self._arrived = time.monotonic()
        self._asked = 0
        self._enough = False
        self._relayed_at: float | None = None
        self._closed_up_to = 0
        self._orphans: Orphans | None = None
        if opened.log_path is not None:
            folders = [opened.log_path / "spool"]
            elsewhere = spool_folder(opened.config)
            if elsewhere is not None and elsewhere != folders[0].resolve():
                folders.append(elsewhere)
            self._orphans = Orphans(folders, opened.run_id, self)
            self.scan()

    def recall(self, intake: Intake, lives: Lives, clock: Clock, known: KnownRows) -> None:
        """Memory is built anew: what was under way has failed and comes again."""
        for delivery in self._deliveries:
            delivery.failed()
        self._deliveries.clear()
        self._intake, self._lives, self._clock, self._known = intake, lives, clock, known
        if self._orphans is not None:
            self._orphans.start()
        self._closed_up_to = 0
        clock.hold(self._opened + self._timeout)

    # ---------------------------------------------------------------- scans

    @property
    def through(self) -> int:
        """Number of the newest scan that is through."""
        return 1 if self._orphans is None else self._orphans.through

    def scan(self) -> int:
        """Looks for spools whose writers are gone; `through` reaches the number."""
        self._asked = 0 if self._orphans is None else self._orphans.scan()
        return self._asked

    def arrived(self, now: float) -> None:
        """A new life of a process began: here or there may be what the one before it left."""
        self._arrived = now
        self.scan()

    def enough(self) -> None:
        """Everybody has ended: what is not found by now comes at the next start."""
        self._enough = True

    def reading(self, now: float) -> bool:
        """Whether records of the dead may be on their way: from here, or from where they ran."""
        if self._enough:
            return False
        heard = max(self._arrived, self._relayed_at or 0.0)
        return self.through < self._asked or now < heard + self._timeout

    def stored(self, incarnation: int) -> int:
        """Up to which number everything of an incarnation is stored."""
        return self._intake.stored(incarnation)

    def lacks(self, incarnation: int) -> bool:
        """Whether an incarnation made records that are not here."""
        return self._lives.lacks(incarnation, self._intake.stored(incarnation))

    def connected(self, incarnations: frozenset[int]) -> None:
        """Who speaks for itself now."""
        if self._orphans is not None:
            self._orphans.connected = incarnations

    def due(self, now: float) -> set[int] | None:
        """Attempts of earlier jobs whose open rows nobody adds to for now; None: wait.

        Called with each turn. They close when a scan is through, and once
        nothing more has been relayed for as long as rows wait.
        """
        through = max(self.through, int(now >= self._opened + self._timeout))
        relaying = self._relayed_at is not None and now < self._relayed_at + self._timeout
        if relaying or (through <= self._closed_up_to and self._relayed_at is None):
            return None
        self._closed_up_to, self._relayed_at = through, None
        return self._lives.others()

    def holding(self, now: float) -> bool:
        """Whether rows of this job must wait for the first scan."""
        return self.through < 1 and now < self._opened + self._timeout

    def next_deadline(self) -> float | None:
        """When `due` may say something though nothing came."""
        if self._relayed_at is not None:
            return self._relayed_at + self._timeout
        return None if self._closed_up_to else self._opened + self._timeout

    # -------------------------------------------------------------- records

    def take(self, delivery: Delivery, now: float) -> None:
        """Stores a batch of a spool of this host."""
        self._deliveries.append(delivery)
        try:
            self._store(delivery.source, delivery.source.hello, delivery.batch, now)
        except WireError as error:
            delivery.failed(str(error))
        except Exception as error:
            if not is_fault(error):  # the turn is undone because of it, and not for ever
                delivery.refused = f"{type(error).__name__}: {error}"
            raise

    def relayed(self, stream: Stream, orphan: pb.Orphan, now: float) -> bool:
        """Stores a batch that a worker found; false if it is not of this run.

        Raises:
            WireError: it breaks the protocol.
        """
        hello = orphan.hello
        check_numbers(hello)
        if hello.run_id not in ("", self._run_id) or hello.protocol != PROTOCOL:
            if hello.incarnation not in self._foreign and len(self._foreign) < _TOLD:
                self._foreign.add(hello.incarnation)
                text = (
                    f"{stream.name} found a spool of run {hello.run_id!r} (protocol "
                    f"{hello.protocol}), which is not this one: it was left alone"
                )
                self._intake.event(Event("spool", text, host=stream.hello.host))
            return False
        if self._store(stream, hello, orphan.batch, now):
            self._relayed_at = now
        return True

    def _store(self, source: Stream, hello: pb.Hello, batch: pb.Batch, now: float) -> bool:
        """Whether there were records of rows that were new."""
        records = self._intake.batch(source, batch, hello)
        for attempt in self._lives.others().intersection(attempt for _, attempt in records):
            self._known.recall(attempt)
        for record, attempt in records:
            self._clock.orphan(record, attempt, now)
        return bool(records)

    def committed(self) -> None:
        """Tells the thread what the journal has."""
        for delivery in self._deliveries:
            delivery.committed(self._intake.stored(delivery.source.hello.incarnation))
        self._deliveries.clear()

    def close(self, timeout: float) -> None:
        """Ends the thread; safe twice."""
        if self._orphans is not None:
            self._orphans.close(timeout)

    # ------------------------------------------- for the thread of `Orphans`

    def deliver(self, delivery: Delivery) -> None:
        """Hands a batch to the state thread."""
        self._post(lambda: self.take(delivery, time.monotonic()))

    def report(self, event: Event, process: int) -> None:
        """Hands an event to the state thread."""
        self._post(lambda: self._intake.event(event, process=process))

    def wake(self) -> None:
        """Has the state thread see that a scan is through."""
        self._post(lambda: None)

"""Spools whose writers are gone, read from disk and handed to the state thread.

The thread ``podlog-orphans`` looks into the spool folders that this host can
reach when it is asked to, and hands over one batch at a time, the next when the
journal has committed it. A spool is deleted only after everything in it is
committed; one that fails is let go and found again later.
"""

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..proto import podlog_pb2 as pb
from ..proto import spoolfile
from ..proto.backoff import Backoff
from ..proto.errors import WireError
from ..proto.records import Event
from .streams import Stream

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_LOCKED_S = 1.0
"""Between looks at what is stored and locked by another."""

_LAST_LOOKS = 20
_LAST_LOOK_S = 0.1


class Delivery:
    """One batch of an orphan on its way into the journal; then what became of it.

    Attributes:
        source: the dead incarnation, and the schemas that it has sent.
        batch: what is to be stored.
        refused: why it never will be; "" otherwise.
    """

    def __init__(self, source: Stream, batch: pb.Batch) -> None:
        self.source = source
        self.batch = batch
        self.refused = ""
        self._over = threading.Event()
        self._stored: int | None = None

    def committed(self, stored: int) -> None:
        """The journal has everything of the incarnation up to `stored`."""
        self._stored = stored
        self._over.set()

    def failed(self, refused: str = "") -> None:
        """It was not stored, and if it was `refused` it need not be tried again."""
        self.refused = refused or self.refused
        self._over.set()

    def wait(self) -> int | None:
        """Waits; up to where all is stored, or None if it was not."""
        self._over.wait()
        return self._stored


class Receiver(Protocol):
    """Who stores what is found; called on the orphans' thread, does not wait."""

    def deliver(self, delivery: Delivery) -> None:
        """Takes a batch; tells the delivery what became of it, sooner or later."""

    def report(self, event: Event, process: int) -> None:
        """Takes an event about a spool."""

    def wake(self) -> None:
        """A scan is through."""


class Orphans:
    """Scans folders when asked. Made, started and closed by one owner; else thread-safe.

    Args:
        folders: the run's folders of spools; they need not be there.
        run_id: spools of another run are left alone.
        receiver: stores what is found.

    Attributes:
        connected: incarnations that speak for themselves; set by the owner.
        through: number of the newest scan that came to its end.
    """

    def __init__(self, folders: Sequence[Path], run_id: str, receiver: Receiver) -> None:
        self.connected: frozenset[int] = frozenset()
        self.through = 0
        self._folders = tuple(folders)
        self._run_id = run_id
        self._receiver = receiver
        self._asked = 0
        self._told: set[tuple[int, str]] = set()
        self._refused: set[int] = set()
        self._stored: dict[int, spoolfile.Orphan] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._delivery: Delivery | None = None
        self._thread = threading.Thread(target=self._loop, name="podlog-orphans", daemon=True)

    def start(self) -> None:
        """Starts the thread; safe twice."""
        if self._thread.ident is None:
            self._thread.start()

    def scan(self) -> int:
        """Has the folders looked through; `through` reaches the number when that is done."""
        with self._changed:
            self._asked += 1
            self._changed.notify_all()
            return self._asked

    def close(self, timeout: float) -> None:
        """Ends the thread; what was not delivered stays where it is. Safe twice."""
        with self._changed:
            self._closed = True
            delivery = self._delivery
            self._changed.notify_all()
        if delivery is not None:
            delivery.failed()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    # ----------------------------------------------------------- its thread

    def _loop(self) -> None:
        pauses = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while (asked := self._next_scan()) is not None:
            if self._all_through():
                pauses.reset()
                self.through = asked
                self._receiver.wake()
                continue
            with self._changed:
                self._changed.wait_for(lambda: self._closed, pauses.next())
        looks = _LAST_LOOKS
        while self._stored and looks:
            time.sleep(_LAST_LOOK_S)
            self._delete_stored()
            looks -= 1

    def _next_scan(self) -> int | None:
        """Waits for a scan that is asked for; its number, or None: it was closed."""
        while True:
            with self._changed:
                every = _LOCKED_S if self._stored else None
                self._changed.wait_for(lambda: self._closed or self._asked > self.through, every)
                asked = self._asked
            if self._closed:
                return None
            if asked > self.through:
                return asked
            self._delete_stored()

    def _all_through(self) -> bool:
        """Delivers what lies in the folders; false if something has to be tried again."""
        done = True
        for folder in self._folders:
            try:
                skip = self.connected | self._refused
                found = spoolfile.orphans(folder, skip) if folder.is_dir() else []
            except Exception as error:
                _log.warning("the spool %s cannot be read: %s", folder, error)
                done = False
                continue
            for orphan in found:
                try:
                    done = self._deliver(orphan, folder) and done
                except WireError as error:
                    self._refused.add(orphan.hello.incarnation)
                    self._tell(orphan, folder, f"cannot be stored, it is left alone: {error}")
                except Exception as error:
                    self._tell(orphan, folder, f"cannot be delivered now: {error}")
                    done = False
                finally:
                    orphan.release()
        return done

    def _deliver(self, orphan: spoolfile.Orphan, folder: Path) -> bool:
        hello = orphan.hello
        if self._closed:
            return False
        if hello.run_id not in ("", self._run_id):
            self._tell(orphan, folder, f"is of run {hello.run_id!r}: left alone")
            return True
        source = Stream(hello, _Nobody(), lambda: None)
        stored = self._hand_over(Delivery(source, pb.Batch()))
        if stored is None:
            return False
        for batch in orphan.batches(stored):
            stored = self._hand_over(Delivery(source, batch))
            if stored is None:
                return False
        if orphan.cut:
            self._tell(orphan, folder, f"ended in a torn frame: {orphan.cut} bytes were cut")
        for problem in orphan.problems:
            self._tell(orphan, folder, problem)
        if stored >= orphan.last:
            self._stored[hello.incarnation] = orphan
            self._delete_stored()
        return True

    def _delete_stored(self) -> None:
        """What a worker would deliver too is locked until it knows that all is stored, or ends."""
        for incarnation, orphan in list(self._stored.items()):
            if orphan.delete() or not orphan.blocked:
                del self._stored[incarnation]

    def _hand_over(self, delivery: Delivery) -> int | None:
        """Up to where all is stored after it; None: it was not, for now.

        Raises:
            WireError: it never will be.
        """
        with self._changed:
            if self._closed:
                return None
            self._delivery = delivery
        self._receiver.deliver(delivery)
        stored = delivery.wait()
        if delivery.refused:
            raise WireError(delivery.refused)
        return stored

    def _tell(self, orphan: spoolfile.Orphan, folder: Path, problem: str) -> None:
        """Says once what is wrong with a spool."""
        hello = orphan.hello
        mark = (hello.incarnation, problem)
        if mark in self._told:
            return
        self._told.add(mark)
        name = folder / f"{hello.process}-{hello.incarnation:016x}"
        text = f"the spool {name} of process {hello.process} on {hello.host or '?'} {problem}"
        _log.warning("%s", text)
        event = Event("spool", text, host=hello.host, fields={"path": str(name)})
        self._receiver.report(event, hello.process)


class _Nobody:
    """The way back to a process that is gone."""

    def send(self, message: pb.CoordinatorMessage) -> None:
        """Nobody hears it."""

    def end(self, error: Exception | None) -> None:
        """Nobody hears it."""

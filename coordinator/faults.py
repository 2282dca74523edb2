"""When the journal cannot be written: said once, tried again, and said when it is over."""

import logging
import sqlite3
import time
from collections.abc import Callable

from ..proto.backoff import Backoff
from ..proto.errors import JournalError
from .journal import Journal

_log = logging.getLogger(__name__)

_FIRST_S = 1.0
_LONGEST_S = 5.0
_STEADY_S = 2.0
_PROBE_BYTES = 256 << 10


class Faults:
    """The state of one fault, or none. Owned by the state thread; `now` is monotonic.

    A fault is over once everything has gone well for `_STEADY_S`: what a full
    disk takes of a small write may not be there for the next.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._reason = ""
        self._back_at: float | None = None
        self._pauses = Backoff(_FIRST_S, _LONGEST_S)

    def met(self, error: Exception, now: float) -> None:
        """A turn failed. The first is announced, the others of the same fault are not."""
        self._back_at = None
        if self._since is None:
            self._since = now
            self._pauses.reset()
            self._reason = f"{type(error).__name__}: {error}"
            what = "the journal cannot be written" if is_fault(error) else "a turn failed"
            _log.error(
                "%s (%s): nothing is stored, processes keep their records, and it is "
                "tried again until it works",
                what,
                self._reason,
                exc_info=error,
            )
        else:
            _log.debug("still nothing can be stored: %s", error)

    def pause(self) -> float:
        """Seconds until the next try."""
        return self._pauses.next()

    def outlast(
        self,
        journal: Journal,
        *,
        recall: Callable[[], None],
        wait: Callable[[float], None],
        gives_up: Callable[[float], bool],
    ) -> bool:
        """Tries until the journal can be written and memory follows it again.

        Args:
            journal: the run's.
            recall: builds memory anew, in a transaction.
            wait: takes the seconds until the next try.
            gives_up: takes for how many seconds there has been a fault.

        Returns:
            False: it was given up.
        """
        while not gives_up(self._lasts()):
            wait(self.pause())
            try:
                probe(journal)
                with journal.transaction():
                    recall()
            except Exception as error:
                self.met(error, time.monotonic())
            else:
                self.back(time.monotonic())
                return True
        _log.error("nothing could be stored for %.0f s: giving up", self._lasts())
        return False

    def _lasts(self) -> float:
        return 0.0 if self._since is None else time.monotonic() - self._since

    def back(self, now: float) -> None:
        """It works, for all that is known."""
        self._back_at = now

    def next_deadline(self) -> float | None:
        """When `over` has something to say."""
        return None if self._back_at is None else self._back_at + _STEADY_S

    def over(self, now: float) -> str | None:
        """What is to be said of a fault that is over; None: nothing."""
        if self._since is None or self._back_at is None or now < self._back_at + _STEADY_S:
            return None
        text = (
            f"nothing could be stored for {self._back_at - self._since:.0f} s "
            f"({self._reason}); nothing is lost by that: processes kept their records"
        )
        self._since = self._back_at = None
        _log.warning("%s", text)
        return text


def is_fault(error: Exception) -> bool:
    """Whether it is the journal's, and no matter of what was to be written."""
    return isinstance(error, sqlite3.Error | OSError | JournalError)


def probe(journal: Journal) -> None:
    """Writes as much as a full turn may, and takes it back.

    Raises:
        Exception: whatever the journal raises.
    """
    with journal.transaction():
        journal.set_meta("probe", "0" * _PROBE_BYTES)
    with journal.transaction():
        journal.set_meta("probe", "")

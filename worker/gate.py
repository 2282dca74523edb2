"""What makes the training loop end: `found_nans` and `should_stop`."""

import logging
import threading

from ..proto.records import Kind
from .fetch import Found

_log = logging.getLogger(__name__)


class Gate:
    """Turns what the guard found into one answer for the training loop. Thread-safe.

    A NaN counts if it is in a STEP or EPOCH record, or anywhere under the
    policy ``"stop"``; an infinity only under its policy ``"stop"``. In a pod it
    counts here only if every process holds the very same value (a replicated
    metric), since then every process answers alike. A NaN that only some
    processes see is attributed and warned about, and leaves every loop running
    until the processes can agree on a step.
    """

    def __init__(self, nan: str, inf: str, process_count: int) -> None:
        self._stop_on = {True: nan == "stop", False: inf == "stop"}
        self._process_count = process_count
        self._lock = threading.RLock()  # a signal handler may ask for a stop
        self._found = False
        self._stop = False
        self._warned = False

    def found(self, found: Found) -> None:
        """Takes what the guard found in one record; called by the fetch thread."""
        in_training = found.kind in (Kind.STEP, Kind.EPOCH)
        for finding in found.findings:
            stops = self._stop_on[finding.nan]
            if not (stops or (finding.nan and in_training)):
                continue
            if not finding.everywhere:
                self._warn_of_one(finding.key, found.step)
                continue
            with self._lock:
                self._found = True
                self._stop |= stops

    def _warn_of_one(self, key: str, step: int) -> None:
        with self._lock:
            warned, self._warned = self._warned, True
        if not warned:
            _log.warning(
                "%r is not finite at step %d on this process, perhaps not on others: "
                "found_nans stays as it is, so that no process leaves the loop alone",
                key,
                step,
            )

    def request_stop(self) -> bool:
        """Asks the loop to end; False in a pod, where one process must not leave alone."""
        if self._process_count > 1:
            return False
        with self._lock:
            self._stop = True
        return True

    def clear(self) -> None:
        """A new training starts: nothing found, nothing requested."""
        with self._lock:
            self._found = self._stop = self._warned = False

    @property
    def found_nans(self) -> bool:
        """Whether something that counts was found."""
        return self._found

    @property
    def stop(self) -> bool:
        """Whether the loop should end."""
        return self._stop

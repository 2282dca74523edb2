"""What launchers say of processes, as far as the run does not judge it."""

import signal
from collections.abc import Callable, Iterable

from ..proto.control import FirstSign, ProcessExit
from ..proto.words import signal_name, stopped_by
from .core.signs import read_exit


class Exits:
    """Keeps how processes ended, for a run that is opened later. Owned by the state thread.

    Args:
        on_sign: told of the first that is a sign that the job fails.

    Attributes:
        received: the signal that the launcher itself got, or None.
    """

    def __init__(self, on_sign: Callable[[FirstSign], None]) -> None:
        self.received: int | None = None
        self._on_sign = on_sign
        self._kept: dict[int, tuple[ProcessExit, float]] = {}

    def add(self, notice: ProcessExit, now: float, *, judged: bool) -> None:
        """Keeps a process's notice.

        Args:
            notice: what was told.
            now: monotonic seconds.
            judged: there is a run, which tells of failures itself.
        """
        first = not any(_failed(other) for other, _ in self._kept.values())
        self._kept[notice.process] = (notice, now)
        status, reason = read_exit(notice.code, notice.signal, notice.out_of_memory)
        if first and _failed(notice) and not judged:
            self._on_sign(FirstSign(notice.process, status, reason))
        elif _taken(notice):
            received = notice.received or 0
            why = f"its launcher received {signal_name(received)}, {reason}"
            self._on_sign(FirstSign(notice.process, stopped_by(received), why))

    @property
    def well(self) -> bool:
        """Whether of no process it is known that it ended badly."""
        return all(other.code == 0 for other, _ in self._kept.values())

    def all(self) -> Iterable[tuple[ProcessExit, float]]:
        """Each process's last notice, and when it came."""
        return self._kept.values()


def _taken(notice: ProcessExit) -> bool:
    """Whether a process was ended since its launcher was: those elsewhere may wait for it."""
    return notice.signal is not None and notice.received in set(signal.Signals)


def _failed(notice: ProcessExit) -> bool:
    """Whether a process ended badly, and nobody wanted it to."""
    return notice.caused and notice.code != 0 and notice.received is None

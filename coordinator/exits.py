"""What launchers say of processes before there is a run."""

from collections.abc import Callable, Iterable

from ..proto.control import FirstSign, ProcessExit
from .core.signs import read_exit


class Exits:
    """Keeps how processes ended until a run is open. Owned by the state thread.

    Args:
        processes: how many there are.
        on_sign: told of the first that is a sign that the job fails.

    Attributes:
        received: the signal that the launcher itself got, or None.
    """

    def __init__(self, processes: int, on_sign: Callable[[FirstSign], None]) -> None:
        self.received: int | None = None
        self._processes = processes
        self._on_sign = on_sign
        self._kept: dict[int, tuple[ProcessExit, float]] = {}

    def add(self, notice: ProcessExit, now: float) -> None:
        """Keeps a process's notice."""
        first = not any(_failed(other) for other, _ in self._kept.values())
        self._kept[notice.process] = (notice, now)
        if first and _failed(notice):
            status, reason = read_exit(notice.code, notice.signal, notice.out_of_memory)
            self._on_sign(FirstSign(notice.process, status, reason))

    @property
    def well(self) -> bool:
        """Whether every process ended with exit code 0."""
        return sum(other.code == 0 for other, _ in self._kept.values()) == self._processes

    def all(self) -> Iterable[tuple[ProcessExit, float]]:
        """Each process's last notice, and when it came."""
        return self._kept.values()


def _failed(notice: ProcessExit) -> bool:
    """Whether a process ended badly, and nobody wanted it to."""
    return notice.caused and notice.code != 0 and notice.received is None

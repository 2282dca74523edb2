"""A clock under scripted events, with its own time."""

from collections.abc import Iterable, Mapping

from kit_records import record

from podlog.coordinator.core.clock import Clock, Closing
from podlog.proto.config import TimingConfig
from podlog.proto.records import Kind

TIMEOUT = 30.0


class Scene:
    """A clock, its time, and the closings so far."""

    def __init__(self, processes: int) -> None:
        self.clock = Clock(TimingConfig(row_timeout_s=TIMEOUT))
        self.now = 100.0
        self.clock.expect(range(processes), self.now)
        for process in range(processes):
            self.clock.join(process, self.now, incarnation=1000 + process)

    def log(
        self, process: int, step: int, metrics: Mapping[str, object] | None = None, **made: object
    ) -> None:
        self.clock.record(record(process, step, metrics, **made), 1, self.now)  # type: ignore[arg-type]

    def host(self, process: int, step: int, keys: str, n: int = 0, **made: object) -> None:
        self.log(process, step, dict.fromkeys(keys, 1.0), kind=Kind.HOST, n=n, **made)

    def at(self, process: int, step: int, kind: Kind = Kind.STEP, left: bool = False) -> None:
        self.clock.progress(process, 1, "train", kind, step, left, self.now)

    def due(self, after: float = 0.0) -> list[Closing]:
        self.now += after
        return self.clock.due(self.now)

    def rows(self, after: float = 0.0) -> list[tuple[int, tuple[int, ...]]]:
        """Step and processes of what closes."""
        return [(c.key.step, members(c)) for c in self.due(after)]


def members(closing: Closing) -> tuple[int, ...]:
    return tuple(r.process for r in closing.records)


def seen(closings: Iterable[Closing]) -> list[tuple[int, int, int, tuple[int, ...], bool]]:
    """Step, n, revision, processes and lateness of closings."""
    return [(c.key.step, c.key.n, c.revision, members(c), c.late) for c in closings]

"""What coordinators write of themselves into a run's folder, whole or not at all."""

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    """Who keeps the run: ``coordinator.json``.

    Attributes:
        host, pid: where the coordinator runs.
        job_id: the life of the job that it serves.
        expires: wall clock until which others must believe that it lives.
        boot: of which boot and pid namespace `pid` is; "": unknown.
        started: when the process started, as `alive.start_time` tells it.
        id: random, of this holding.
    """

    host: str
    pid: int
    job_id: str
    expires: float
    boot: str = ""
    started: float = 0.0
    id: str = ""

    def same(self, other: "Holder") -> bool:
        """Whether both are one holding, renewed or not."""
        return self == dataclasses.replace(other, expires=self.expires)

    def is_by(self, pid: int, boot: str, job_id: str) -> bool:
        """Whether the process `pid` of `boot` holds it, for that job."""
        return (self.pid, self.boot, self.job_id) == (pid, boot, job_id)


@dataclasses.dataclass(frozen=True, slots=True)
class Successor:
    """Who waits for the run: ``coordinator.next``; `at` is wall clock, written anew as it waits."""

    host: str
    pid: int
    job_id: str
    at: float
    boot: str = ""
    id: str = ""


def holder(folder: Path) -> Holder | None:
    """Who holds the run in `folder`, or held it last without releasing it."""
    return _read(folder / "coordinator.json", Holder)


def successor(folder: Path) -> Successor | None:
    """Who waits for the run in `folder`, or waited last and died."""
    return _read(folder / "coordinator.next", Successor)


def write(folder: Path, who: Holder | Successor) -> None:
    """Takes the place of what is there.

    Raises:
        OSError: the folder cannot be written now.
    """
    name = "coordinator.json" if isinstance(who, Holder) else "coordinator.next"
    fresh = folder / f"{name}.{who.id}"
    try:
        fresh.write_text(json.dumps(dataclasses.asdict(who)) + "\n")
        fresh.replace(folder / name)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _read(path: Path, of: type[T]) -> T | None:
    try:
        values: Any = json.loads(path.read_text())
        return of(**values)
    except (OSError, ValueError, TypeError):
        return None

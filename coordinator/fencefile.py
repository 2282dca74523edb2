"""What coordinators write of themselves into a run's folder, whole or not at all."""

import contextlib
import dataclasses
import json
import math
from pathlib import Path
from typing import Any, TypeVar

from ..proto.errors import JournalError


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


T = TypeVar("T", Holder, Successor)

_HOLDER = "coordinator.json"
_SUCCESSOR = "coordinator.next"
_ODD = (ValueError, TypeError, OverflowError, RecursionError)
"""What is raised of a file that holds something else."""


def holder(folder: Path) -> Holder | None:
    """Who holds the run in `folder`, or held it last without releasing it.

    A file that cannot be read names nobody: it keeps no coordinator out.
    """
    with contextlib.suppress(OSError, *_ODD):
        return _read(folder / _HOLDER, Holder)
    return None


def seen_holder(folder: Path) -> Holder | None:
    """As `holder`, for whoever looks at a run, and must not guess whether it is live.

    Raises:
        JournalError: the file is there, but does not say it.
    """
    path = folder / _HOLDER
    try:
        return _read(path, Holder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise JournalError(f"{path} cannot be read ({error.strerror})") from error
    except _ODD as error:
        raise JournalError(
            f"{path} is damaged and does not say whether a coordinator runs ({error}): one that "
            "runs writes it anew within seconds, so try again; if none does, delete that file"
        ) from error


def successor(folder: Path) -> Successor | None:
    """Who waits for the run in `folder`, or waited last and died."""
    with contextlib.suppress(OSError, *_ODD):
        return _read(folder / _SUCCESSOR, Successor)
    return None


def write(folder: Path, who: Holder | Successor) -> None:
    """Takes the place of what is there.

    Raises:
        OSError: the folder cannot be written now.
    """
    name = _HOLDER if isinstance(who, Holder) else _SUCCESSOR
    fresh = folder / f"{name}.{who.id}"
    try:
        fresh.write_text(json.dumps(dataclasses.asdict(who)) + "\n")
        fresh.replace(folder / name)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _read(path: Path, of: type[T]) -> T:
    """What the file holds; each field is what it must be."""
    values: Any = json.loads(path.read_text())
    fields = {field.name: field for field in dataclasses.fields(of)}
    if not isinstance(values, dict) or not values.keys() <= fields.keys():
        raise ValueError("it is not what podlog writes")
    for name, field in fields.items():
        if name in values and not _fits(values[name], field.type):
            raise ValueError(f"its {name} is {values[name]!r:.40}")
        if name not in values and field.default is dataclasses.MISSING:
            raise ValueError(f"it has no {name}")
    if values["pid"] <= 0:
        raise ValueError(f"its pid is {values['pid']}")
    return of(**values)


def _fits(value: Any, kind: Any) -> bool:
    if kind is str:
        return isinstance(value, str)
    kinds = (int, float) if kind is float else int
    return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)

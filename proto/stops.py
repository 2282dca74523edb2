"""What both sides of the stop agreement speak of."""

import dataclasses
from collections.abc import Iterable
from typing import Protocol


class Asked(Protocol):
    """Something that is asked for or decided: `stop` for ``should_stop``, `nans` for found_nans."""

    @property
    def stop(self) -> bool:
        """``should_stop`` shall turn true."""

    @property
    def nans(self) -> bool:
        """``found_nans`` shall turn true."""


def covers(one: Asked, other: Asked) -> bool:
    """Whether `one` holds all that `other` asks for."""
    return one.stop >= other.stop and one.nans >= other.nans


def covered(asked: Asked, by: Iterable[Asked]) -> bool:
    """Whether all of them together hold what is asked for."""
    found = list(by)
    return (not asked.stop or any(o.stop for o in found)) and (
        not asked.nans or any(o.nans for o in found)
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """Where a process is; see `StopAnswer` in the .proto."""

    id: int
    gate: int
    training: int
    outcome: bool = False

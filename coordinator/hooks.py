"""What the owner of a coordinator wants to hear."""

import dataclasses
from collections.abc import Callable

from ..proto.control import Ended, FirstSign
from .opening import OpenRun


def _ignore(*_: object) -> None:
    """For what the owner does not want to hear."""


@dataclasses.dataclass(frozen=True)
class Hooks:
    """Called on the state thread; must not block.

    Attributes:
        opened: the run is open; with the number of its attempt, and the
            serialized `Open` that asked for it (b"": nobody did).
        failed: it cannot be opened, and why.
        sign: a process failed, ended or was lost, and it was the first; hard signs only.
            It may be told again after a restart.
        ended: everything is settled.
        gone: the journal was deleted under it; only a new coordinator can begin another.
    """

    opened: Callable[[OpenRun, int, bytes], None] = _ignore
    failed: Callable[[str], None] = _ignore
    sign: Callable[[FirstSign], None] = _ignore
    ended: Callable[[Ended], None] = _ignore
    gone: Callable[[], None] = _ignore

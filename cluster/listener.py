"""What the parent of a coordinator wants to hear of it."""

import dataclasses
import logging
import sys
from collections.abc import Callable
from typing import Any

from ..proto.control import Ended, FirstSign

_log = logging.getLogger(__name__)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _nothing(_: object) -> None:
    """For parents that do not want to know."""


@dataclasses.dataclass(frozen=True, slots=True)
class Listener:
    """Callbacks of a `Sidecar`. They come on its own thread; what they raise is logged.

    Attributes:
        console: called with each line meant for the terminal; default: written to
            this process's stdout.
        restart: called with the port of each coordinator that took the place of
            one that died, once it listens.
        death: called with a line that says so if one dies, not again before
            another one has lived for a second.
        sign: called with each first sign that the job fails.
        end: called with the last word, once the coordinator has settled.
    """

    console: Callable[[str], None] = _print
    restart: Callable[[int], None] = _nothing
    death: Callable[[str], None] = _log.warning
    sign: Callable[[FirstSign], None] = _nothing
    end: Callable[[Ended], None] = _nothing


def call(callback: Callable[[Any], None], value: Any) -> None:
    """Calls one; a closed terminal must not cost us the verdict."""
    try:
        callback(value)
    except Exception as error:
        _log.debug("not passed on (%r): %s", value, error)

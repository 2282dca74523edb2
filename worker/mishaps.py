"""What goes wrong in a Logger's calls: told once, counted, never raised."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from ..proto.records import Event
from .inputs import said, said_error

_log = logging.getLogger(__name__)
_shown = logging.getLogger("podlog")

_ERRORS_TOLD = 100


class Mishaps:
    """After start-up nothing of ours may raise into a training step. Thread-safe.

    Args:
        who: this process, for people.
        tell: takes an event.

    Attributes:
        failed: how many calls raised.
        over: set once the Logger is closed; a call after it is told, once.
    """

    def __init__(self, who: str, tell: Callable[[Event], None]) -> None:
        self.failed = 0
        self.over = self._told_over = False
        self._who = who
        self._tell = tell
        self._errors: set[tuple[str, str]] = set()

    @contextlib.contextmanager
    def guarded(self, call: str, step: Any, so: str) -> Iterator[None]:
        """Swallows what `call` raises; each error is told once, and counted."""
        self.check_over(call)
        try:
            yield
        except Exception as error:
            self.failed += 1
            text = said_error(error)
            if (call, text) in self._errors or len(self._errors) >= _ERRORS_TOLD:
                return
            self._errors.add((call, text))
            _log.debug("%s failed", call, exc_info=True)
            where = call if step is None else f"{call} at step {said(step)}"
            with contextlib.suppress(Exception):
                self._tell(Event("log_error", f"{self._who}: {where}: {text}; {so}"))

    def check_over(self, call: str) -> bool:
        """Whether `call` comes after close, which is then told."""
        if self.over and not self._told_over:
            self._told_over = True
            _shown.warning("%s after close: nothing is logged any more; make a new Logger", call)
        return self.over

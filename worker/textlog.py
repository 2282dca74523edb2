"""Python's logging of this process: to the run's log, and to stdout."""

import logging
import sys
import threading
from collections.abc import Callable

from ..proto.codec import body_draft, safe_text
from ..proto.records import Draft, LogLine
from .forked import Home

_MAX_CHARS = 64 << 10
FORMAT = "%(asctime)s [R{rank}] %(levelname)s %(name)s: %(message)s"


class TextLog:
    """Two handlers on the root logger while installed; nothing else is changed.

    Shipped: records at INFO and above, except podlog's own (``podlog.…``; the
    logger named exactly ``podlog`` is the user-visible one) and gRPC's. Shown
    on stdout: everything at `level` and above, ``[R<rank>]`` in front.

    Args:
        rank: process index.
        host: name of this host, goes with each line.
        ship: takes a LOG draft; must not block.
        step: the current global step.
        level: least level shown on stdout; by default INFO on process 0 and
            ERROR elsewhere.
    """

    def __init__(
        self,
        rank: int,
        host: str,
        ship: Callable[[Draft], None],
        step: Callable[[], int],
        level: int | str | None = None,
    ) -> None:
        self._shipping = _Ship(host, ship, step)
        self._shown = _Stdout()
        self._shown.setFormatter(logging.Formatter(FORMAT.format(rank=rank)))
        self._shown.setLevel(level or (logging.INFO if rank == 0 else logging.ERROR))
        self._before: int | None = None
        self._set = 0

    def install(self) -> None:
        """Adds the handlers; lowers the root logger's level to INFO if it is higher. Safe twice."""
        if self._before is not None:
            return
        root = logging.getLogger()
        self._before = root.level
        self._set = min(root.level or logging.INFO, logging.INFO, self._shown.level)
        root.setLevel(self._set)
        root.addHandler(self._shipping)
        root.addHandler(self._shown)

    def remove(self) -> None:
        """Takes the handlers away and restores the level unless someone else set it. Safe twice."""
        if self._before is None:
            return
        root = logging.getLogger()
        root.removeHandler(self._shipping)
        root.removeHandler(self._shown)
        if root.level == self._set:
            root.setLevel(self._before)
        self._before = None


def ships(name: str) -> bool:
    """Whether records of the logger `name` belong into the run's log."""
    return not name.startswith(("podlog.", "grpc.")) and name != "grpc"


class _Ship(logging.Handler):
    def __init__(self, host: str, ship: Callable[[Draft], None], step: Callable[[], int]) -> None:
        super().__init__(logging.INFO)
        self._host = host
        self._ship = ship
        self._step = step
        self._inside = threading.local()
        self._home = Home()

    def handle(self, record: logging.LogRecord) -> bool:
        """Without the handler's lock: `ship` has its own, and two of them could deadlock."""
        if not (self._home.here and ships(record.name)) or getattr(self._inside, "yes", False):
            return False
        self._inside.yes = True
        try:
            self.emit(record)
        except Exception:
            self.handleError(record)
        finally:
            self._inside.yes = False
        return True

    def emit(self, record: logging.LogRecord) -> None:
        text = safe_text(self.format(record))
        if len(text) > _MAX_CHARS:
            text = f"{text[:_MAX_CHARS]} … ({len(text) - _MAX_CHARS} characters cut)"
        line = LogLine(record.levelno, record.name, text, self._host)
        self._ship(body_draft(line, record.created, self._step()))


class _Stdout(logging.Handler):
    """Writes to whatever ``sys.stdout`` is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = sys.stdout
            stream.write(self.format(record) + "\n")
            stream.flush()
        except Exception:
            self.handleError(record)

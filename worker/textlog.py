"""Python's logging of this process: to the run's log, and to stdout."""

import logging
import sys
import threading
from collections.abc import Callable

from ..proto.codec import body_draft, safe_text
from ..proto.records import Draft, LogLine
from .forked import Home
from .printer import Printer

_MAX_CHARS = 64 << 10
_CLOSE_S = 1.0
FORMAT = "%(asctime)s [R{rank}] %(levelname)s %(name)s: %(message)s"


class TextLog:
    """Two handlers on the root logger while installed; nothing else is changed.

    Shipped: records at INFO and above, except podlog's own (``podlog.…``; the
    logger named exactly ``podlog`` is the user-visible one) and gRPC's. Shown
    on stdout, from a thread of its own: everything at `level` and above (of
    podlog's own only warnings), ``[R<rank>]`` in front. Installed and removed once.

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
        self._printer = Printer()
        self._shown = _Stdout(self._printer)
        self._shown.setFormatter(logging.Formatter(FORMAT.format(rank=rank)))
        self._shown.setLevel(level or (logging.INFO if rank == 0 else logging.ERROR))
        self._before: int | None = None
        self._set = 0

    @property
    def not_shown(self) -> int:
        """Lines that a stuck terminal did not take."""
        return self._printer.dropped

    def install(self) -> None:
        """Adds the handlers; lowers the root logger's level to INFO if it is higher. Safe twice."""
        if self._before is not None:
            return
        root = logging.getLogger()
        self._before = root.level
        self._set = min(root.level or logging.INFO, logging.INFO, self._shown.level)
        root.setLevel(self._set)
        self._printer.start()
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
        self._printer.close(_CLOSE_S)


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
    """Writes to whatever ``sys.stdout`` is at the time of the record."""

    def __init__(self, printer: Printer) -> None:
        super().__init__()
        self._printer = printer
        self._home = Home()
        self.addFilter(lambda record: ships(record.name) or record.levelno >= logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if self._home.here:
                self._printer.put(sys.stdout, line)
            else:  # a forked child has no such thread
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
        except Exception:
            self.handleError(record)

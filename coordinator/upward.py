"""The way up to the parent, which may be slow, stuck or gone."""

import collections
import contextlib
import logging
import threading
from typing import IO

from ..proto.control import ConsoleLine, Notice, dump

_log = logging.getLogger(__name__)

MAX_LINES = 1000


class Up:
    """Hands notices to the parent on a thread of its own, ``podlog-up``. Thread-safe.

    Nobody waits for the parent. Lines for the terminal that it does not take
    are dropped, and their number told in place of them; all else is kept.

    Args:
        stream: the pipe to the parent; closed at the end.

    Attributes:
        dropped: lines that were not told.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.dropped = 0
        self._stream = stream
        self._notices: collections.deque[Notice] = collections.deque()
        self._lines = 0
        self._missing = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="podlog-up", daemon=True)
        self._thread.start()

    def tell(self, notice: Notice) -> None:
        """Has the parent told, in order; does not wait."""
        with self._changed:
            if isinstance(notice, ConsoleLine):
                if self._lines >= MAX_LINES:
                    self.dropped += 1
                    self._missing += 1
                    return
                self._lines += 1
            self._notices.append(notice)
            self._changed.notify_all()

    def close(self, timeout: float) -> bool:
        """Waits until everything is told, or nobody hears it; true if so. Safe twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _write(self) -> None:
        while (notice := self._next()) is not None:
            try:
                self._stream.write(dump(notice))
                self._stream.flush()
            except (OSError, ValueError) as error:
                _log.debug("nobody hears %s: %s", type(notice).__name__, error)
        with contextlib.suppress(OSError, ValueError):
            self._stream.close()

    def _next(self) -> Notice | None:
        """The next notice; None: there is none and there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._notices or self._closed)
            if self._missing and not self._lines:
                count, self._missing = self._missing, 0
                return ConsoleLine(f"podlog: {count} lines were not shown: nobody took them")
            if not self._notices:
                return None
            notice = self._notices.popleft()
            self._lines -= isinstance(notice, ConsoleLine)
            return notice

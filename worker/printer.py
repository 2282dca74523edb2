"""The thread that writes to a terminal, so that a stuck one holds up nobody else."""

import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import TextIO

_LINES = 2000
_PIECE = 1000  # characters: at most 4,000 bytes, which a pipe with room takes without blocking
_POLL_MS = 100


class Printer:
    """Writes lines to their streams in order (thread ``podlog-stdout``).

    `put` may be called by any thread and never blocks; `start` and `close` by
    the owner. What a stuck stream leaves no room for is dropped and counted,
    and the next line that gets through says how many those were.

    Attributes:
        dropped: lines that were not written.
    """

    def __init__(self, limit: int = _LINES) -> None:
        self.dropped = 0
        self._limit = limit
        self._told = 0
        self._lines: deque[tuple[TextIO, str]] = deque()
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._thread = threading.Thread(target=self._run, name="podlog-stdout", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def put(self, stream: TextIO, line: str) -> None:
        """Has `line` written to `stream`, or drops it."""
        with self._changed:
            if len(self._lines) >= self._limit or self._deadline is not None:
                self.dropped += 1
                return
            missed, self._told = self.dropped - self._told, self.dropped
            if missed:
                note = f"podlog: {missed} lines are not shown: this terminal was stuck"
                self._lines.append((stream, note))
            self._lines.append((stream, line))
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Writes what is left, at most `timeout` seconds, and ends the thread; safe twice."""
        with self._changed:
            self._deadline = time.monotonic() + timeout
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout + 2 * _POLL_MS / 1000)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._deadline is not None)
                if not self._lines:
                    return
                stream, line = self._lines[0]
            written = self._write(stream, line)
            with self._changed:
                self._lines.popleft()
                self.dropped += not written

    def _write(self, stream: TextIO, line: str) -> bool:
        try:
            for piece in _pieces(line):
                if not self._room(stream):
                    return False
                stream.write(piece)
                stream.flush()
        except Exception:  # closed, or its reader is gone: there is nobody to tell
            return False
        return True

    def _room(self, stream: TextIO) -> bool:
        """Waits until a write would not block; False if it would at the end."""
        try:
            poll = select.poll()
            poll.register(stream.fileno(), select.POLLOUT)
        except (AttributeError, OSError, ValueError):
            return True
        while True:
            late = self._deadline is not None and time.monotonic() >= self._deadline
            if poll.poll(0 if late else _POLL_MS):
                return True
            if late:
                return False


def _pieces(line: str) -> Iterator[str]:
    text = line + "\n"
    return (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))

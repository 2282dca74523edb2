"""``output.log``: Python's logging of all processes, written on a thread of its own."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .collapse import Collapse, EqualLines
from .takenstore import StoredLine

_log = logging.getLogger(__name__)

_HELD = 16384
_RETRY_S = 1.0


class OutputLog:
    """Appends log lines to a file, each exactly once through any crash.

    The cursor is the last line up to which all are written; the position holds
    the file's size then and the few later lines that were written before
    their turn, as part of a line of many processes. At start the file is cut
    to that size.

    Life: `start`, `submit` whenever `idle`, `close` once. All methods are
    thread-safe.

    Args:
        path: the file.
        on_done: takes cursor and position when lines are written; on this
            log's thread.
        cursor, position: as committed last.
        window: seconds for which a line waits for its equals; 0 with one process.
    """

    def __init__(
        self,
        path: Path,
        on_done: Callable[[int, bytes], None],
        *,
        cursor: int = 0,
        position: bytes = b"",
        window: float = 1.0,
    ) -> None:
        self._path = path
        self._on_done = on_done
        self._cursor = self._taken = cursor
        size, early = json.loads(position) if position else (None, [])
        self._size: int | None = size
        self._early: set[int] = set(early)
        self._open: set[int] = set()
        self._collapse = Collapse(window)
        self._unwritten: list[EqualLines] = []
        self._change = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="podlog-textlog", daemon=True)

    @property
    def idle(self) -> bool:
        """Whether lines may be submitted."""
        with self._change:
            return not self._closing and len(self._open) < _HELD

    @property
    def taken(self) -> int:
        """Id of the last line submitted: the next batch begins behind it."""
        return self._taken

    def start(self) -> None:
        """Starts the thread, which cuts the file to its committed size."""
        self._thread.start()

    def submit(self, lines: Sequence[StoredLine]) -> None:
        """Takes lines in order of id; returns at once."""
        with self._change:
            now = time.monotonic()
            for line in lines:
                self._taken = line.id
                if line.id not in self._early:
                    self._open.add(line.id)
                    self._collapse.add(line, now)
            self._change.notify_all()

    def close(self, timeout: float) -> bool:
        """Writes what is held and ends the thread; safe twice and without start."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # --------------------------------------------------- on the log's thread

    def _run(self) -> None:
        failed = False
        while self._wait(failed):
            try:
                self._write()
                failed = False
            except OSError as error:
                if not failed:
                    _log.warning("%s cannot be written (%s); trying again", self._path, error)
                failed = True
                if self._closing:
                    return

    def _wait(self, failed: bool) -> bool:
        """Waits until there is something to write; False at the end."""
        with self._change:
            if failed and not self._closing:
                self._change.wait(_RETRY_S)
            while True:
                now = time.monotonic()
                self._unwritten += self._collapse.due(now, everything=self._closing)
                if self._unwritten:
                    return True
                if self._closing:
                    return False
                due = self._collapse.next_due()
                self._change.wait(None if due is None else max(0.0, due - now))

    def _write(self) -> None:
        groups = self._unwritten
        text = "".join(group.text() for group in groups)
        data = text.encode("utf-8", "backslashreplace")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            found = os.fstat(file.fileno()).st_size
            size = found if self._size is None else min(found, self._size)
            file.truncate(size)
            file.write(data)
        self._size = size + len(data)
        with self._change:
            self._unwritten = []
            written = {line.id for group in groups for line in group.lines}
            self._open -= written
            self._early |= written
            self._cursor = min(self._open, default=self._taken + 1) - 1
            self._early = {number for number in self._early if number > self._cursor}
            position = json.dumps([self._size, sorted(self._early)]).encode()
        self._on_done(self._cursor, position)

"""``watch.json`` beside a live run: how the job stands, for whoever sees its folder only."""

import contextlib
import logging
import threading
from pathlib import Path

from ..proto import podlog_pb2 as pb
from .snapshotjson import as_json

_log = logging.getLogger(__name__)

NAME = "watch.json"
_CLOSE_S = 1.0


class WatchFile:
    """Writes Snapshots by rename on a thread of its own, ``podlog-watch``.

    A disk that stalls costs nobody anything: of what could not be written
    meanwhile only the newest is. Life: `start`, `write` any number of times,
    `close` once.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._fresh = folder / f"{NAME}.new"
        self._changed = threading.Condition()
        self._next: pb.Snapshot | None = None
        self._closing = False
        self._remove = False
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="podlog-watch", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def write(self, snapshot: pb.Snapshot) -> None:
        """Takes the place of what is there, soon; never blocks. It must not be changed."""
        with self._changed:
            self._next = snapshot
            self._changed.notify()

    def close(self, *, remove: bool) -> None:
        """Ends the thread within about a second; safe twice.

        Args:
            remove: the run goes on nowhere: the file goes, too.
        """
        with self._changed:
            self._closing, self._remove = True, remove
            self._changed.notify()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while (snapshot := self._wait()) is not None:
            self._put(snapshot)
        if self._remove:
            for path in (self._path, self._fresh):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _wait(self) -> pb.Snapshot | None:
        """The newest Snapshot; None: there will be none any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._next is not None or self._closing)
            snapshot, self._next = self._next, None
            return None if self._closing else snapshot

    def _put(self, snapshot: pb.Snapshot) -> None:
        try:
            self._fresh.write_text(as_json(snapshot) + "\n")
            self._fresh.replace(self._path)
            self._failed = False
        except OSError as error:
            if not self._failed:
                _log.warning("%s cannot be written: %s", self._path, error)
            self._failed = True
            with contextlib.suppress(OSError):
                self._fresh.unlink(missing_ok=True)

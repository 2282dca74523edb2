"""Who looks at the job: asks the state thread for Snapshots, and hears the last one."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.control import Setup
from .desk import Desk
from .rows import Rows
from .run import Run
from .snapshot import of_lobby, of_run
from .watchfile import WatchFile

_log = logging.getLogger(__name__)

FRESH_S = 0.2
"""All who ask within this time get the same Snapshot."""

FILE_S = 1.0
_MEMBERS_A_SECOND = 1000
"""So many are looked at: of a larger job Snapshots are made less often."""

Look = Callable[[pb.Snapshot | None], None]
"""Takes a Snapshot, not to be changed; None: there will be none. Must not block or raise."""


class Watching:
    """Makes Snapshots on the state thread, few however many look.

    `ask` and `at_end` are thread-safe; the rest belongs to the state thread,
    which a view that cannot be made must not disturb.

    Args:
        setup: the job.
        post: hands a call to the state thread.
    """

    def __init__(self, setup: Setup, post: Callable[[Callable[[], None]], None]) -> None:
        self._setup = setup
        self._post = post
        self._lock = threading.Lock()
        self._asked: list[Look] = []
        self._ends: list[Callable[[], None]] = []
        self._over = False
        self._last: pb.Snapshot | None = None
        self._made: tuple[float, pb.Snapshot] | None = None
        self._counted: tuple[Rows, int] | None = None
        self._file: WatchFile | None = None
        self._file_at = 0.0

    def ask(self, look: Look) -> None:
        """Has `look` called with how the job stands, soon, on the state thread.

        Once nothing changes any more it is called here and now, with the last
        Snapshot if the job has settled.
        """
        with self._lock:
            over = self._over
            if not over:
                self._asked.append(look)
        if over:
            look(self._last)
        else:
            self._post(_nothing)

    def at_end(self, call: Callable[[], None]) -> None:
        """Has `call` called once nothing changes any more; must not block or raise."""
        with self._lock:
            self._ends.append(call)
            over = self._over
        if over:
            call()

    def turn(self, desk: Desk, now: float) -> None:
        """After each commit: answers who asked, and keeps ``watch.json`` up to date."""
        with self._lock:
            asked, self._asked = self._asked, []
        writes = desk.run is not None and desk.run.opened.log_path is not None
        snapshot = None
        if asked or (writes and now >= self._file_at):
            snapshot = self._snapshot(desk, now)
        for look in asked:
            look(snapshot)
        if snapshot is not None and writes and now >= self._file_at:
            self._write(snapshot, now)

    def end(self, desk: Desk, now: float) -> None:
        """Nothing changes any more; the run is still there. ``watch.json`` goes if it is ours."""
        try:
            self._end(desk, now)
        except Exception:
            _log.exception("who watches was not told the end")

    def _end(self, desk: Desk, now: float) -> None:
        run, last = desk.run, None
        if run is not None and run.all_said:
            self._made = None
            last = self._snapshot(desk, now)
            if last is not None:
                last.settled = True
        with self._lock:
            self._over, self._last = True, last
            asked, self._asked = self._asked, []
            ends = list(self._ends)
        for look in asked:
            look(last)
        for call in ends:
            call()
        if self._file is not None:
            self._file.close(remove=run is not None and run.ours(now))

    def _snapshot(self, desk: Desk, now: float) -> pb.Snapshot | None:
        """A view that is fresh enough; None: none can be made."""
        made = self._made
        if made is not None and now - made[0] <= max(FRESH_S, _pause(made[1])):
            return made[1]
        wall = time.time()
        try:
            if desk.run is None:
                snapshot = of_lobby(self._setup, desk.waiting, wall)
            else:
                rows = self._rows(desk.run)
                snapshot = of_run(desk.run, self._setup, rows=rows, now=now, wall=wall)
        except Exception:
            _log.exception("no view of the job can be made")
            return None
        self._made = (now, snapshot)
        return snapshot

    def _rows(self, run: Run) -> int:
        """Rows given out by this coordinator and those before it."""
        if self._counted is None or self._counted[0] is not run.rows:
            before = run.opened.journal.count_rows(self._setup.job_id) - run.rows.count
            self._counted = (run.rows, before)
        return self._counted[1] + run.rows.count

    def _write(self, snapshot: pb.Snapshot, now: float) -> None:
        self._file_at = now + max(FILE_S, _pause(snapshot))
        if self._file is None:
            self._file = WatchFile(Path(snapshot.log_path))
            self._file.start()
        self._file.write(snapshot)


def _pause(snapshot: pb.Snapshot) -> float:
    """Seconds until another Snapshot is worth its time."""
    return len(snapshot.members) / _MEMBERS_A_SECOND


def _nothing() -> None:
    """Makes the state thread take a turn."""

"""How a run ends: streams read to their end, spools read, verdicts told, tools settled."""

from ..proto.config import TimingConfig
from ..proto.control import AllEnded
from ..proto.records import Verdict
from .fate import Fate
from .feeds import Feeds
from .intake import Intake
from .replay import Replay
from .rows import Rows
from .settling import Settling

DRAIN_S = 2.0
"""How long streams of processes that have ended may take to be read to the end."""


class Ending:
    """Owned by the state thread; lives as long as the run, past an undone turn.

    Args:
        replay: reads spools once more before the run settles.
        feeds: those of the tools.
        timing: `tools_timeout_s` bounds that, and the settling.
        local: ``finalize`` ends a chapter for the tools, as there is but one process.
    """

    def __init__(self, replay: Replay, feeds: Feeds, timing: TimingConfig, *, local: bool) -> None:
        self._replay = replay
        self._feeds = feeds
        self._timeout = timing.tools_timeout_s
        self._local = local
        self._signal: int | None = None
        self._unwatched = False
        self._drain_until: float | None = None
        self._drained = False

    def recall(self, fate: Fate, rows: Rows, intake: Intake, now: float) -> None:
        """Memory is built anew."""
        self._fate, self._rows, self._intake = fate, rows, intake
        self._chapter: Settling | None = None
        self._chapter_by: float | None = None
        self._last: Settling | None = None
        self._scan: tuple[int, float] | None = None
        fate.signalled(self._signal)
        if self._drained:
            fate.all_ended(now, unwatched=self._unwatched)

    def signalled(self, number: int | None) -> None:
        """The launcher received a signal; None: none so far. The first one counts."""
        self._signal = self._signal or number
        self._fate.signalled(self._signal)

    def all_ended(self, notice: AllEnded, now: float) -> None:
        """Nobody is left: what they sent last is read, then all is settled."""
        if self._drain_until is None and not self._drained:
            self.signalled(notice.signal)
            self._unwatched = notice.unwatched
            self._drain_until = now + (0.0 if self._local else DRAIN_S)

    def drained(self, connected: bool, now: float) -> bool:
        """Whether by now, for the first time, nothing more will be read of any stream."""
        if self._drain_until is None or (connected and now < self._drain_until):
            return False
        self._drained, self._drain_until = True, None
        return True

    def nobody_left(self, now: float) -> None:
        """All streams have been left after `drained`."""
        self._fate.all_ended(now, unwatched=self._unwatched)

    def finalized(self, now: float) -> bool:
        """A process finalized; true if its verdict waits for the tools."""
        if self._local:
            self._chapter_by = now + self._timeout
        return self._local

    def verdict(self, now: float) -> Verdict | None:
        """The chapter's final verdict, when it is to be told to everybody."""
        if self._chapter_by is not None and (self._replay.through or now >= self._chapter_by):
            self._chapter, self._chapter_by = self._settling(now, lines=True), None
        if self._chapter is not None and self._chapter.advance(now):
            self._chapter = None
        return None if self._in_chapter() else self._fate.give()

    def advance(self, now: float) -> bool:
        """Settles once every process has ended; true when that is over."""
        if not self._fate.settled() or self._in_chapter():
            self._scan = None
            if self._last is None:
                return False
        if self._last is None and self._read(now):
            self._replay.enough()
            self._rows.clock.reading(False)
            self._last = self._settling(now)
        return self._last is not None and self._last.advance(now)

    @property
    def begun(self) -> bool:
        """Whether the last tools take their end: nobody is served any more."""
        return self._last is not None

    def next_deadline(self) -> float | None:
        """When there is something to do though nothing came."""
        found = [self._drain_until, self._chapter_by]
        found += [] if self._scan is None else [self._scan[1]]
        found += [s.deadline for s in (self._chapter, self._last) if s is not None]
        return min((d for d in found if d is not None), default=None)

    def _in_chapter(self) -> bool:
        """Whether a chapter's end waits for the first scan, or for the tools."""
        return self._chapter_by is not None or self._chapter is not None

    def _read(self, now: float) -> bool:
        """Whether the spools of those that ended have been read, or the time for it is over."""
        if self._scan is None:
            self._scan = (self._replay.scan(), now + self._timeout)
        scan, deadline = self._scan
        return self._replay.through >= scan or now >= deadline

    def _settling(self, now: float, *, lines: bool = False) -> Settling:
        return Settling(
            self._rows,
            self._feeds,
            self._intake,
            self._fate,
            deadline=now + self._timeout,
            lines=lines,
        )

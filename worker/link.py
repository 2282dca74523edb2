"""The thread that keeps this process connected to the coordinator.

It connects for ever, with jittered back-off; each connection is a `Connection`,
and what callers wait for lies in `Waits`. Nothing here raises into training code.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.errors import MisuseError, RefusedError
from ..proto.records import Verdict
from ..proto.rows import Row
from ..proto.session import Connector, Receiver, Session
from .connection import Closing, Connection
from .fate import Fate
from .forked import Home
from .handed import Handed
from .outage import Outage
from .postprocess import Postprocess, Postprocessor
from .relay import Relay
from .spool import Spool
from .talk import Speaker
from .waits import Finalize, Waits

_log = logging.getLogger(__name__)

_CLOSING_PAUSE_S = 0.5
_REPORT_S = 0.5
_GOOD_S = 5.0
"""A connection that lasted so long was good, even if nothing was acknowledged on it."""


class Link:
    """Sends what lies in the spool and takes what the coordinator answers.

    Life: `start` once; any method but `wake` may then wait, each with a
    deadline and from any thread; `close` once, safe twice and without `start`.
    In a forked child all raise `ForkedError`.

    Args:
        connector: opens a connection; asked again after each that ended.
        hello: who speaks.
        spool: read and acknowledged here, written by the `Spooler`.
        handed: how far this process is.
        heartbeat: step, phase, mode and pending, asked each heartbeat from the
            link's thread; sent and backlog are filled in here.
        open: what the run is, asked at each connect; process 0 only.
        postprocess: the user's ``metric_postprocess_fn``; process 0 only.
        heartbeat_s: period until the coordinator names another.
        fate: what is said and heard of stops, failures and clocks.
        orphans: folder in which spools of processes that are gone are looked
            for, once the run is open, and delivered too.
    """

    def __init__(
        self,
        connector: Connector,
        hello: pb.Hello,
        spool: Spool,
        handed: Handed,
        *,
        heartbeat: Callable[[], pb.Heartbeat],
        open: Callable[[], pb.Open] | None = None,
        postprocess: Postprocess | None = None,
        heartbeat_s: float = 5.0,
        fate: Fate | None = None,
        orphans: Path | None = None,
    ) -> None:
        hello = pb.Hello.FromString(hello.SerializeToString())  # ours: the job_id is added
        self._connector = connector
        self._home = Home()
        self._waits = Waits()
        self._postprocessor = Postprocessor(postprocess, self._answer) if postprocess else None
        self._relay = Relay(orphans, hello.incarnation, self.poke) if orphans else None
        self._me = Speaker(
            hello=hello,
            spool=spool,
            handed=handed,
            waits=self._waits,
            heartbeat=heartbeat,
            open=open,
            submit=self._postprocessor.submit if self._postprocessor else None,
            heartbeat_s=heartbeat_s,
            relay=self._relay,
            fate=fate or Fate(),
        )
        self._answers: deque[pb.PostprocessAnswer] = deque()
        self._closing: Closing | None = None
        self._at: Connection | None = None
        self._connects = 0
        self._thread = threading.Thread(target=self._run, name="podlog-link", daemon=True)

    def start(self) -> None:
        """Starts the threads."""
        if self._postprocessor is not None:
            self._postprocessor.start()
        self._thread.start()

    def wake(self) -> None:
        """There is more in the spool; sent at the next interval, at once if a caller waits."""
        if self._waits.urgent or self._closing is not None:
            self.poke()

    def poke(self) -> None:
        """What is due is said now: a stop request or answer waits for no interval."""
        with self._waits.changed:
            self._waits.poke()

    def wait_opened(self, timeout: float) -> pb.Opened | None:
        """Name, place and attempt of the run, or None at the deadline or if refused."""
        self._home.check()
        return self._waits.for_opened(timeout)

    def wait_acked(self, seq: int, timeout: float) -> bool:
        """Whether records up to `seq` are committed, at the latest at the deadline."""
        self._home.check()
        return self._waits.for_acked(seq, timeout)

    def merged(self, mode: str, step: int, timeout: float) -> Row | None:
        """Revision 0 of the closed row at (mode, step), or None at the deadline."""
        self._home.check()
        return self._waits.for_row(mode, step, timeout)

    def failed(self, failed: pb.Failed) -> None:
        """Tells what ended the training: before all else, again at each connect, the first counts.

        Waits until it is on its way, a moment at most.
        """
        self._home.check()
        connected = self._at is not None and self._at.connected
        self._waits.fail(failed, _REPORT_S if connected else 0.0)

    def finalize(self, status: str, seq: int, error: str = "") -> None:
        """Says that this process is done, right behind record `seq`; does not wait."""
        self._home.check()
        self._waits.say(Finalize(status, seq, error))

    def verdict(self, timeout: float) -> Verdict | None:
        """The final verdict since `finalize`; at the deadline the last one, if any."""
        self._home.check()
        return self._waits.for_verdict(timeout)

    @property
    def newest(self) -> Verdict | None:
        """The last verdict that was heard."""
        return self._waits.newest

    @property
    def refused(self) -> Exception | None:
        """Why the coordinator does not take this process, if so: nothing is sent any more."""
        over = self._waits.over
        return over if isinstance(over, RefusedError) else None

    def stats(self) -> dict[str, Any]:
        """Connection and numbers of records."""
        return {
            "connected": self._at is not None and self._at.connected,
            "connects": self._connects,
            "made": self._me.spool.last_seq,
            "acked": self._me.spool.acked,
        }

    def close(self, timeout: float, status: str = "", error: str = "") -> bool:
        """Sends what is left, says Goodbye and ends the thread.

        Args:
            timeout: seconds it may take in all.
            status: of the Goodbye; empty: as `finalize` said.
            error: of the Goodbye; one line.

        Returns:
            Whether all was committed and Goodbye was said.
        """
        self._home.check()
        now = time.monotonic()
        deadline = now + timeout
        if self._closing is None:
            self._closing = Closing(deadline, now + timeout / 2, status, error)
        if self._thread.ident is not None:
            self.poke()
            self._thread.join(timeout + 0.5)
        if self._relay is not None:
            self._relay.close(max(deadline - time.monotonic(), 0.5))
        if self._postprocessor is not None:
            self._postprocessor.close(max(deadline - time.monotonic(), 0.1))
        self._waits.end(MisuseError("this Logger is closed"))
        return self._closing.goodbyes > 0

    # ------------------------------------------------------ the thread's own

    def _answer(self, answer: pb.PostprocessAnswer) -> None:
        self._answers.append(answer)
        self.poke()

    def _run(self) -> None:
        outage = Outage(time.monotonic())
        while not self._over():
            self._at = at = Connection(self._me, self._answers, lambda: self._closing)
            began, acked = time.monotonic(), self._me.spool.acked
            at.run(self._connect)
            if isinstance(at.error, RefusedError):
                _log.error("%s; nothing is sent any more, training goes on", at.error)
                self._waits.end(at.error)
            lasted = time.monotonic() - began >= _GOOD_S
            if at.welcomed and (lasted or self._me.spool.acked > acked):
                outage.over(time.monotonic())
            if self._over() or (self._closing and self._closing.in_vain and not at.welcomed):
                return

            _log.debug("not connected: %s", at.error)
            away = outage.lasts(time.monotonic())
            if away is not None:
                _log.warning("no coordinator for %.0f s (%s); records are kept", away, at.error)
            self._pause(outage.pause())

    def _connect(self, receiver: Receiver) -> Session:
        session = self._connector(receiver)
        self._connects += 1
        return session

    def _over(self) -> bool:
        closing = self._closing
        return self._waits.over is not None or (closing is not None and closing.over)

    def _pause(self, seconds: float) -> None:
        """Cut short by `close`."""
        closing = self._closing
        if closing is not None:
            seconds = min(seconds, _CLOSING_PAUSE_S, closing.deadline - time.monotonic())
        self._waits.pause(seconds, lambda: self._closing is not closing)

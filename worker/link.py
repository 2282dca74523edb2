"""The thread that keeps this process connected to the coordinator.

It connects for ever, with jittered back-off; each connection is a `Talk`, and
what callers wait for lies in `Waits`. Nothing here raises into training code.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.errors import MisuseError, RefusedError, UnavailableError
from ..proto.records import Verdict
from ..proto.rows import Row
from ..proto.session import Connector, Session
from .forked import Home
from .handed import Handed
from .postprocess import Postprocess, Postprocessor
from .spool import Spool
from .talk import Speaker, Talk
from .waits import Finalize, Waits

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_TELL_AFTER_S = 10.0


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
            link's thread; sent, backlog and progress are filled in here.
        open: what the run is, asked at each connect; process 0 only.
        postprocess: the user's ``metric_postprocess_fn``; process 0 only.
        heartbeat_s: period until the coordinator names another.
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
    ) -> None:
        hello = pb.Hello.FromString(hello.SerializeToString())  # ours: the job_id is added
        self._connector = connector
        self._home = Home()
        self._waits = Waits()
        self._postprocessor = Postprocessor(postprocess, self._answer) if postprocess else None
        self._me = Speaker(
            hello=hello,
            spool=spool,
            handed=handed,
            waits=self._waits,
            heartbeat=heartbeat,
            open=open,
            submit=self._postprocessor.submit if self._postprocessor else None,
            heartbeat_s=heartbeat_s,
        )
        self._answers: deque[pb.WorkerMessage] = deque()
        self._closing: tuple[float, str] | None = None
        self._connects = 0
        self._connected = False
        self._told = False
        self._goodbyes = 0
        self._heard = False
        self._thread = threading.Thread(target=self._run, name="podlog-link", daemon=True)

    def start(self) -> None:
        """Starts the threads."""
        if self._postprocessor is not None:
            self._postprocessor.start()
        self._thread.start()

    def wake(self) -> None:
        """There is more in the spool; sent at the next interval, at once if a caller waits."""
        if self._waits.urgent or self._closing is not None:
            self._notify()

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

    def finalize(self, status: str, seq: int) -> None:
        """Says that this process is done, right behind record `seq`; does not wait."""
        self._home.check()
        self._waits.say(Finalize(status, seq))

    def verdict(self, timeout: float) -> Verdict | None:
        """The final verdict since `finalize`; at the deadline the last one, if any."""
        self._home.check()
        return self._waits.for_verdict(timeout)

    @property
    def refused(self) -> Exception | None:
        """Why the coordinator does not take this process, if so: nothing is sent any more."""
        over = self._waits.over
        return over if isinstance(over, RefusedError) else None

    def stats(self) -> dict[str, Any]:
        """Connection and numbers of records."""
        return {
            "connected": self._connected,
            "connects": self._connects,
            "made": self._me.spool.last_seq,
            "acked": self._me.spool.acked,
        }

    def close(self, timeout: float, status: str = "") -> bool:
        """Sends what is left, says Goodbye and ends the thread.

        Args:
            timeout: seconds it may take in all.
            status: of the Goodbye; empty: as `finalize` said.

        Returns:
            Whether all was committed and Goodbye was said.
        """
        self._home.check()
        deadline = time.monotonic() + timeout
        if self._closing is None:
            self._closing = (deadline, status)
        if self._thread.ident is not None:
            self._notify()
            self._thread.join(timeout + 0.5)
        if self._postprocessor is not None:
            self._postprocessor.close(max(deadline - time.monotonic(), 0.1))
        self._waits.end(MisuseError("this Logger is closed"))
        return self._goodbyes > 0

    # ------------------------------------------------------ the thread's own

    def _notify(self) -> None:
        with self._waits.changed:
            self._waits.poke()

    def _answer(self, answer: pb.PostprocessAnswer) -> None:
        self._answers.append(pb.WorkerMessage(postprocess_answer=answer))
        self._notify()

    def _run(self) -> None:
        failures = 0
        away_since = time.monotonic()
        while not self._over():
            welcomed, error = self._connection()
            if isinstance(error, RefusedError):
                _log.error("%s; nothing is sent any more, training goes on", error)
                self._waits.end(error)
            if welcomed:
                failures, away_since, self._told = 0, time.monotonic(), False
            if self._over() or (self._goodbyes and not welcomed):
                return
            failures += 1
            self._tell(error, time.monotonic() - away_since)
            self._pause(failures)

    def _over(self) -> bool:
        closing = self._closing
        late = closing is not None and time.monotonic() >= closing[0]
        return self._heard or self._goodbyes > 1 or late or self._waits.over is not None

    def _tell(self, error: Exception | None, away: float) -> None:
        """Warns once per outage, when it has lasted."""
        _log.debug("not connected: %s", error)
        if away >= _TELL_AFTER_S and not self._told:
            self._told = True
            _log.warning("no coordinator for %.0f s (%s); records are kept", away, error)

    def _pause(self, failures: int) -> None:
        longest = min(_FIRST_PAUSE_S * 2 ** min(failures - 1, 10), _LONGEST_PAUSE_S)
        closing = self._closing
        with self._waits.changed:
            self._waits.changed.wait_for(
                lambda: self._closing is not closing, longest * random.uniform(0.5, 1.0)
            )

    def _connection(self) -> tuple[bool, Exception | None]:
        """One connection from start to end: whether it was welcomed, and why it ended."""
        inbox = _Inbox(self._waits)
        try:
            session = self._connector(inbox)
        except Exception as error:
            return False, error
        self._connects += 1
        talk = Talk(self._me, session.send, time.monotonic())
        reason: Exception | None
        try:
            reason = self._converse(talk, inbox, session)
        except Exception as error:
            _log.exception("the connection is given up")
            reason = error
        finally:
            self._connected = False
            session.close()
            if not inbox.over:
                session.close()
        return talk.welcome is not None, reason

    def _converse(self, talk: Talk, inbox: "_Inbox", session: Session) -> Exception | None:
        while True:
            seen = self._waits.pokes
            now = time.monotonic()
            for message in inbox.take():
                talk.receive(message, now)
            self._connected = talk.welcome is not None
            if inbox.over:
                return inbox.error
            if not talk.alive(now):
                return UnavailableError("no word from the coordinator for three heartbeats")
            closing = self._closing
            due = talk.turn(now, None if closing is None else closing[1])
            while self._connected and self._answers:
                session.send(self._answers.popleft())
            if closing is not None:
                due = min(due, closing[0])
                if talk.bidden and self._me.spool.acked >= self._me.spool.last_seq:
                    return self._part(inbox, session, closing[0])
                if now >= closing[0]:
                    return None
            self._waits.rest(seen, due - time.monotonic())

    def _part(self, inbox: "_Inbox", session: Session, deadline: float) -> Exception | None:
        """Goodbye is said: waits until the coordinator has ended its side too."""
        self._goodbyes += 1
        session.close()
        with self._waits.changed:
            self._waits.changed.wait_for(lambda: inbox.over, deadline - time.monotonic())
        self._heard = inbox.over and inbox.error is None
        return inbox.error


class _Inbox:
    """What came on one connection; filled by its reader, emptied by the link's thread."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._messages: deque[pb.CoordinatorMessage] = deque()
        self.over = False
        self.error: Exception | None = None

    def received(self, message: pb.CoordinatorMessage) -> None:
        with self._waits.changed:
            self._messages.append(message)
            self._waits.poke()

    def ended(self, error: Exception | None) -> None:
        with self._waits.changed:
            self.over = True
            self.error = error
            self._waits.poke()

    def take(self) -> list[pb.CoordinatorMessage]:
        with self._waits.changed:
            messages = list(self._messages)
            self._messages.clear()
            return messages

"""One connection of the link, from its first message to its last; on the link's thread."""

import dataclasses
import logging
import math
import time
from collections import deque
from collections.abc import Callable

from ..proto import podlog_pb2 as pb
from ..proto.errors import UnavailableError
from ..proto.session import Connector, Session
from .talk import Speaker, Talk
from .transport import EndedError
from .waits import Waits

_log = logging.getLogger(__name__)

_AGAIN_S = 3.0
"""A coordinator that broke off at Goodbye is looked for so long: another takes its place in two."""


@dataclasses.dataclass
class Closing:
    """What `Link.close` asked for, and how far it has come.

    Attributes:
        deadline: monotonic time at which the link ends in any case.
        relay_until: until when Goodbye waits for spools of others to be delivered.
        status: of the Goodbye; empty: as Finalize said.
        error: of the Goodbye; what ended the training.
        goodbyes: on how many connections Goodbye was said.
        heard: the coordinator ended its side behind a Goodbye, in order.
        again_until: until when one that was not heard is said again.
    """

    deadline: float
    relay_until: float
    status: str
    error: str = ""
    goodbyes: int = 0
    heard: bool = False
    again_until: float = math.inf

    @property
    def in_vain(self) -> bool:
        """Whether a Goodbye was said, and nobody is there to whom it could be said again."""
        return time.monotonic() >= self.again_until

    @property
    def over(self) -> bool:
        """Whether there is nothing left to say, or no time."""
        return self.heard or self.goodbyes > 1 or time.monotonic() >= self.deadline


class Connection:
    """Talks until one side ends it.

    Args:
        speaker: who speaks.
        answers: to send as soon as the coordinator said Welcome.
        closing: asked at each turn; not None once the link is to end.

    Attributes:
        connected: whether Welcome came and the connection lives.
        welcomed: whether Welcome came.
        error: why it ended; None if it was ended here or in order.
    """

    def __init__(
        self,
        speaker: Speaker,
        answers: deque[pb.PostprocessAnswer],
        closing: Callable[[], Closing | None],
    ) -> None:
        self.connected = False
        self.welcomed = False
        self.error: Exception | None = None
        self._me = speaker
        self._waits = speaker.waits
        self._answers = answers
        self._closing = closing
        self._inbox = _Inbox(speaker.waits)

    def run(self, connector: Connector) -> None:
        """Connects, talks, and lets go; raises nothing."""
        try:
            session = connector(self._inbox)
        except Exception as error:
            self.error = error
            return

        try:
            self.error = self._converse(Talk(self._me, session, time.monotonic()), session)
        except Exception as error:
            _log.exception("the connection is given up")
            self.error = error
        finally:
            self.connected = False
            session.close()
            if not self._inbox.over:
                session.close()

    def _converse(self, talk: Talk, session: Session) -> Exception | None:
        while True:
            seen, over = self._waits.pokes, self._inbox.over
            self._hear(talk)
            self.connected = self.welcomed = talk.welcome is not None
            closing = self._closing()
            if over:
                if closing is not None and self._all_said(talk):
                    self._parted(closing)
                return self._inbox.error
            now = time.monotonic()
            if not talk.alive(now):
                return UnavailableError("no word from the coordinator for three heartbeats")

            due = talk.turn(now, self._last_word(closing, now))
            while self.connected and self._answers:
                talk.say(postprocess_answer=self._answers.popleft())
            if closing is not None:
                due = min(due, closing.deadline)
                if self._all_said(talk):
                    return self._part(talk, session, closing)
                if now >= closing.deadline:
                    return None
            self._waits.rest(seen, due - time.monotonic())

    def _hear(self, talk: Talk) -> None:
        messages = self._inbox.take()
        now = time.monotonic()
        for message in messages:
            talk.receive(message, now)

    def _last_word(self, closing: Closing | None, now: float) -> pb.Goodbye | None:
        """Goodbye, once it may be said."""
        relay = self._me.relay
        if closing is None or (relay is not None and relay.busy(now) and now < closing.relay_until):
            return None
        return pb.Goodbye(status=closing.status, error=closing.error)

    def _part(self, talk: Talk, session: Session, closing: Closing) -> Exception | None:
        """Goodbye is said: waits until the coordinator has ended its side too."""
        session.close()
        with self._waits.changed:
            self._waits.changed.wait_for(
                lambda: self._inbox.over, closing.deadline - time.monotonic()
            )
        self._hear(talk)
        self._parted(closing)
        return self._inbox.error

    def _parted(self, closing: Closing) -> None:
        """Goodbye was said here, behind all that there was to say."""
        error = self._inbox.error
        closing.goodbyes += 1
        closing.heard = self._inbox.over and (error is None or isinstance(error, EndedError))
        closing.again_until = min(closing.again_until, time.monotonic() + _AGAIN_S)

    def _all_said(self, talk: Talk) -> bool:
        """Whether Goodbye is on its way and all records before it are committed."""
        return talk.bidden and self._me.spool.acked >= self._me.spool.last_seq


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

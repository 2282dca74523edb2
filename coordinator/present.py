"""Who is connected to the run, what each is told first, and from when on it leaves traces."""

from ..proto.control import Setup
from .fate import Fate
from .lives import Lives
from .messages import check_run, opened_message, welcome
from .opening import OpenRun
from .replay import Replay
from .rows import Rows
from .skews import Skews
from .streams import Outbox, Stream


class Present:
    """The open streams, one a process. Owned by the state thread.

    Args:
        opened, setup: the run and the job, named to whoever comes.
        outbox: what is told goes there.
        lives, rows, skews, fate, replay: hear who comes and goes.
    """

    def __init__(
        self,
        opened: OpenRun,
        setup: Setup,
        outbox: Outbox,
        lives: Lives,
        rows: Rows,
        skews: Skews,
        fate: Fate,
        replay: Replay,
    ) -> None:
        self._opened = opened
        self._setup = setup
        self._outbox = outbox
        self._lives = lives
        self._rows = rows
        self._skews = skews
        self._fate = fate
        self._replay = replay
        self._backlog: dict[int, int] = {}
        self._listening()

    def join(self, stream: Stream, now: float) -> Stream | None:
        """Takes a stream; returns the older one of the same process, which has ended.

        Nothing is written before its first record or last word.

        Raises:
            RefusedError: it is of another run.
        """
        hello = stream.hello
        check_run(stream, self._opened)
        replaced = self._outbox.streams.get(hello.process)
        if replaced is not None:
            self.leave(replaced, now)
        self._outbox.streams[hello.process] = stream
        self._listening()
        self._rows.joined(stream)
        if not stream.welcomed:
            stream.welcomed = True
            stored = self._replay.stored(hello.incarnation)
            timing = self._opened.config.timing
            self._outbox.tell(stream, welcome(stream, self._setup, timing, stored))
        self._tell_attempt(stream, self._lives.expected(hello.restores))
        self._outbox.ack(stream, hello.incarnation)
        if stream.beat is not None:
            self._skews.heard(stream, *stream.beat)
        self._fate.joined(stream, now)
        return replaced

    def leave(self, stream: Stream, now: float) -> None:
        """A stream has ended."""
        stream.alive = False
        self._rows.left(stream)
        process = stream.hello.process
        if self._outbox.streams.get(process) is stream:
            del self._outbox.streams[process]
            self._listening()
            self._fate.left(stream, self._backlog.get(process, 0), now)

    def meet(self, stream: Stream) -> None:
        """A first record or last word of a stream is taken: from here on it leaves traces."""
        if stream.met:
            return
        stream.met = True
        self._lives.meet(stream.hello, here=True)
        attempt = self._lives.attempt(stream.hello.restores)
        if attempt != stream.attempt:
            self._tell_attempt(stream, attempt)
        self._skews.met(stream)
        self._fate.met(stream)

    def link(self, stream: Stream, backlog: int, now: float) -> None:
        """A stream says how many records are still to come."""
        self._backlog[stream.hello.process] = backlog
        self._rows.clock.link(stream.hello.process, True, backlog, now)

    def _tell_attempt(self, stream: Stream, attempt: int) -> None:
        stream.attempt = attempt
        self._outbox.tell(stream, opened_message(self._opened, attempt))

    def _listening(self) -> None:
        streams = self._outbox.streams.values()
        self._replay.connected(frozenset(s.hello.incarnation for s in streams))

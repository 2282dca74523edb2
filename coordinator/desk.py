"""Who comes to the state thread, and what is done about it: before and after `Open`."""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

from ..proto import podlog_pb2 as pb
from ..proto.control import AllEnded, Ended, ProcessExit, Setup
from ..proto.errors import PodlogError, RefusedError, UnavailableError, WireError
from .asking import Asking
from .exits import Exits
from .feeds import Post
from .hooks import Hooks
from .lobby import Lobby
from .messages import check_hello
from .opening import OpenRun
from .run import Run
from .runners import Runner
from .streams import Stream

_log = logging.getLogger(__name__)
_CLOSE_FEEDS_S = 1.0


class Desk:
    """Sends each stream's messages where they belong. Owned by the state thread.

    Args:
        setup: the job.
        post: hands a call to the state thread.
        local: the job is this one process.
        hooks: what the owner of the coordinator wants to hear.

    Attributes:
        run: the run, once it is open.
        over: nothing will come any more.
    """

    def __init__(self, setup: Setup, post: Post, *, local: bool, hooks: Hooks) -> None:
        self.run: Run | None = None
        self.over = False
        self._setup = setup
        self._post = post
        self._local = local
        self._hooks = hooks
        self._lobby = Lobby(setup)
        self._asking = Asking(setup)
        self._streams: set[Stream] = set()
        self._ends: list[tuple[Stream, Exception | None]] = []
        self._exits = Exits(hooks.sign)
        self._all_ended: AllEnded | None = None
        self._refusal: RefusedError | None = None
        self._parting: UnavailableError | None = None

    @property
    def waiting(self) -> Sequence[Stream]:
        """Who waits for the run to be opened."""
        return self._lobby.streams

    # ------------------------------------------------------------- streams

    def join(self, stream: Stream) -> None:
        """A Hello came."""
        self._guarded(stream, lambda: self._join(stream))

    def receive(self, stream: Stream, message: pb.WorkerMessage) -> None:
        """A message came."""
        if stream.alive:
            self._guarded(stream, lambda: self._dispatch(stream, message))

    def end(self, stream: Stream, error: Exception | None) -> None:
        """Ends a stream after the commit, behind what it is told by then."""
        if stream.alive:
            self.left(stream)
            self._ends.append((stream, error))

    def left(self, stream: Stream) -> None:
        """A stream is gone."""
        if not stream.alive:
            return
        stream.alive = False
        self._streams.discard(stream)
        self._lobby.leave(stream)
        if self.run is not None:
            self.run.leave(stream, time.monotonic())

    def miss(self, stream: Stream) -> None:
        """A stream speaks too late: it is ended with the others."""
        self._streams.add(stream)

    def turn_away(self, stream: Stream, error: Exception) -> None:
        """Ends a stream at once, without a word to the run: to come again."""
        stream.alive = False
        self._streams.discard(stream)
        self._lobby.leave(stream)
        stream.peer.end(UnavailableError(f"the coordinator could not go on: {error}"))

    def drop(self, error: Exception) -> None:
        """Ends all streams at once: the turn was undone."""
        ends, self._ends = self._ends, []
        for stream in self._streams.union(stream for stream, _ in ends):
            self.turn_away(stream, error)

    def _join(self, stream: Stream) -> None:
        self._streams.add(stream)
        check_hello(stream.hello, self._setup)
        if self._refusal is not None:
            raise self._refusal
        if self.run is None:
            self._lobby.join(stream)
        else:
            self._enter(self.run, stream)

    def _enter(self, run: Run, stream: Stream) -> None:
        replaced = run.join(stream, time.monotonic())
        if replaced is not None:
            self._streams.discard(replaced)
            self._ends.append((replaced, UnavailableError(f"{replaced.name} connected again")))

    def _dispatch(self, stream: Stream, message: pb.WorkerMessage) -> None:
        if self.run is not None:
            self.run.receive(stream, message, time.monotonic())
        elif message.WhichOneof("body") == "open" and stream.hello.process == 0:
            self.reopen(message.open)
        else:
            self._lobby.hold(stream, message)

    def _guarded(self, stream: Stream, call: Callable[[], None]) -> None:
        """Runs a stream's call; what is wrong with it ends that stream only."""
        try:
            call()
        except (WireError, RefusedError, UnavailableError) as error:
            self.end(stream, error)

    # ------------------------------------------------------------- opening

    def reopen(self, asked: pb.Open) -> None:
        """Process 0 says what the run is, or a coordinator before this one had been told."""
        if self._refusal is None:
            self._asking.ask(asked)
            self._open(time.monotonic())

    def _open(self, now: float) -> None:
        """Opens what is asked for, if it can be had by now."""
        try:
            found = self._asking.poll(now)
        except Exception as error:
            self._refuse(error)
            return
        if found is None:
            return
        opened, runners, problems = found
        self.begin(opened, runners)
        if self.run is not None:
            self.run.want_postprocess(self._asking.postprocess)
            for problem in problems:
                self.run.event(problem)

    def begin(self, opened: OpenRun, runners: Mapping[str, Runner]) -> None:
        """The run is open: everybody who waited is let in."""
        run: Run | None = None
        try:
            with opened.journal.transaction():
                run = self.run = Run(opened, self._setup, self._post, local=self._local)
                for name, runner in runners.items():
                    run.add_tool(name, runner)
                self._let_in(run)
        except Exception as error:
            self.run = None
            if run is not None:
                run.close(_CLOSE_FEEDS_S)
            opened.close()
            self._not_begun(error)
            return
        self._hooks.opened(opened, run.attempt, self._asking.message)

    def _not_begun(self, error: Exception) -> None:
        """What cannot be opened now may be later, if it is the disk that refuses."""
        disk = isinstance(error, sqlite3.Error | OSError)
        if disk and self._asking.again(error, time.monotonic()):
            self.drop(error)
        else:
            self._refuse(error)

    def _let_in(self, run: Run) -> None:
        run.signalled(self._exits.received)
        self._remember_left(run)
        streams, held = self._lobby.empty()
        for stream in streams:
            if stream.alive:
                self._guarded(stream, lambda stream=stream: self._enter(run, stream))  # type: ignore[misc]
        for stream, message in held:
            self.receive(stream, message)
        for notice, came in self._exits.all():
            run.process_exit(notice, came)
        if self._all_ended is not None:
            run.all_ended(self._all_ended, time.monotonic())

    def _remember_left(self, run: Run) -> None:
        """Who was here before the run was open, and is gone, did arrive."""
        for stream, words in self._lobby.left():
            with contextlib.suppress(WireError, RefusedError, UnavailableError):
                run.join(stream, time.monotonic())
                for message in words:
                    run.receive(stream, message, time.monotonic())
                run.leave(stream, time.monotonic())

    def _refuse(self, error: Exception) -> None:
        """The run cannot be opened: nobody is served, now or later."""
        expected = isinstance(error, PodlogError)
        reason = str(error) if expected else f"{type(error).__name__}: {error}"
        _log.error("the run cannot be opened: %s", reason, exc_info=None if expected else error)
        self._hooks.failed(reason)
        self._refusal = RefusedError(f"the run cannot be opened: {reason}")
        self.over = self.over or self._all_ended is not None
        for stream in list(self._streams):
            self.end(stream, self._refusal)

    # ------------------------------------------------- the parent, the thread

    def signalled(self, number: int) -> None:
        """The launcher received a signal."""
        self._exits.received = number
        if self.run is not None:
            self.run.signalled(number)

    def process_exit(self, notice: ProcessExit) -> None:
        """The launcher's word on one process; kept for a run that is opened later."""
        now = time.monotonic()
        self._exits.add(notice, now, judged=self.run is not None)
        if self.run is not None:
            self.run.process_exit(notice, now)

    def all_ended(self, notice: AllEnded) -> None:
        """Nobody is left; a run that nobody asked for is opened if its place is known."""
        if self.run is not None:
            self.run.all_ended(notice, time.monotonic())
            return
        self._all_ended = notice = self._all_ended or notice
        seen = self._lobby.visited or notice.unwatched or not self._exits.well
        wanted = seen and self._setup.log_path
        if self._refusal is not None or not (self._asking.open or wanted):
            self.over = True
        elif not self._asking.open:
            self.reopen(pb.Open(log_path=self._setup.log_path, run_id=self._setup.run_id))

    def orphaned(self) -> None:
        """The Logger that started this coordinator is gone; a run goes on until it settles."""
        if self.run is None and (self._refusal is not None or not self._asking.open):
            self.over = True

    def look(self, now: float) -> None:
        """Between turns: is the run to be had by now, does another coordinator wait for it."""
        if self.run is None:
            if self._refusal is None and not self.over:
                self._open(now)
                self.committed()
        elif not self.over and self.run.wanted(now):
            self.over = True
            self._parting = UnavailableError("another coordinator takes the run over")
            _log.warning("%s", self._parting)

    def next_deadline(self) -> float | None:
        """When there is something to do though nothing came."""
        if self.run is None:
            return self._asking.next_deadline() if self._refusal is None else None
        return self.run.next_deadline()

    def committed(self) -> None:
        """Tells everybody what is committed."""
        if self.run is not None:
            self.run.committed(time.monotonic())
            for sign in self.run.take_signs():
                self._hooks.sign(sign)
            self.over = self.over or self.run.over
        self._end_streams()

    def close(self) -> None:
        """Ends all streams, well, those too that the run has given up."""
        self._asking.give_up()
        self._end_streams()
        streams, self._streams = self._streams, set()
        for stream in streams:
            stream.alive = False
            stream.peer.end(self._parting)

    def _end_streams(self) -> None:
        ends, self._ends = self._ends, []
        for stream, error in ends:
            stream.peer.end(error)

    def ended(self) -> Ended:
        """The last word; while the journal is open."""
        if self._parting is not None and (self.run is None or not self.run.all_said):
            return Ended("unfinished", str(self._parting))
        if self.run is None:
            return Ended("unfinished", "" if self._refusal is None else str(self._refusal))
        return self.run.ended()

"""Who comes to the state thread, and what is done about it: before and after `Open`."""

import logging
import time
from collections.abc import Callable, Mapping

from ..proto import podlog_pb2 as pb
from ..proto.control import AllEnded, Ended, ProcessExit, Setup
from ..proto.errors import PodlogError, RefusedError, UnavailableError, WireError
from .feeds import Post
from .hooks import Hooks
from .lobby import Lobby
from .messages import check_hello
from .opening import OpenRun
from .run import Run
from .runners import Runner
from .streams import Stream
from .toolset import open_asked

_log = logging.getLogger(__name__)


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
        self._streams: set[Stream] = set()
        self._ends: list[tuple[Stream, Exception | None]] = []
        self._refusal: RefusedError | None = None

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

    def drop(self, error: Exception) -> None:
        """Ends all streams at once: the turn was undone."""
        streams, self._streams = self._streams, set()
        ends, self._ends = self._ends, []
        for stream in streams.union(stream for stream, _ in ends):
            stream.alive = False
            self._lobby.leave(stream)
            stream.peer.end(UnavailableError(f"the coordinator could not go on: {error}"))

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
            self._open(message.open)
        else:
            self._lobby.hold(stream, message)

    def _guarded(self, stream: Stream, call: Callable[[], None]) -> None:
        """Runs a stream's call; what is wrong with it ends that stream only."""
        try:
            call()
        except (WireError, RefusedError) as error:
            self.end(stream, error)

    # ------------------------------------------------------------- opening

    def begin(self, opened: OpenRun, runners: Mapping[str, Runner]) -> None:
        """The run is open: everybody who waited is let in."""
        try:
            with opened.journal.transaction():
                run = self.run = Run(opened, self._setup, self._post, local=self._local)
                for name, runner in runners.items():
                    run.add_tool(name, runner)
                self._let_in(run)
        except PodlogError as error:
            self.run = None
            opened.close()
            self._refuse(error)
            return
        self._hooks.opened(opened, run.attempt)

    def _open(self, asked: pb.Open) -> None:
        """Process 0 says what the run is."""
        try:
            opened, runners, problems = open_asked(asked, self._setup)
        except PodlogError as error:
            self._refuse(error)
            return
        self.begin(opened, runners)
        if self.run is not None:
            self.run.want_postprocess(asked.postprocess)
            self.run.report(problems)

    def _let_in(self, run: Run) -> None:
        streams, held = self._lobby.empty()
        for stream in streams:
            if stream.alive:
                self._guarded(stream, lambda stream=stream: self._enter(run, stream))  # type: ignore[misc]
        for stream, message in held:
            self.receive(stream, message)

    def _refuse(self, error: PodlogError) -> None:
        """The run cannot be opened: nobody is served, now or later."""
        _log.error("the run cannot be opened: %s", error)
        self._hooks.failed(str(error))
        self._refusal = RefusedError(f"the run cannot be opened: {error}")
        for stream in list(self._streams):
            self.end(stream, self._refusal)

    # ------------------------------------------------- the parent, the thread

    def process_exit(self, notice: ProcessExit) -> None:
        """The launcher's word on one process."""
        if self.run is not None:
            self.run.process_exit(notice, time.monotonic())

    def all_ended(self, notice: AllEnded) -> None:
        """Nobody is left; a run that nobody opened will not be opened any more."""
        if self.run is None:
            self.over = True
        else:
            self.run.all_ended(notice, time.monotonic())

    def orphaned(self) -> None:
        """The Logger that started this coordinator is gone."""
        if self.run is None:
            self.over = True

    def committed(self) -> None:
        """Tells everybody what is committed."""
        if self.run is not None:
            self.run.committed(time.monotonic())
            self.over = self.over or self.run.over
        self._end_streams()

    def close(self) -> None:
        """Ends all streams, well, those too that the run has given up."""
        self._end_streams()
        streams, self._streams = self._streams, set()
        for stream in streams:
            stream.alive = False
            stream.peer.end(None)

    def _end_streams(self) -> None:
        ends, self._ends = self._ends, []
        for stream, error in ends:
            stream.peer.end(error)

    def ended(self) -> Ended:
        """The last word."""
        if self.run is None:
            return Ended("unfinished", "" if self._refusal is None else str(self._refusal))
        return self.run.ended()

"""The one thread that owns all state, ``podlog-state``, and who may post to it.

Whoever has something to say posts it: connections their messages, feeds what
they wrote, the parent what ended. The thread takes what is there, lets the
`Run` deal with it in one transaction of the journal, and only after the commit
tells anybody: acks to workers, rows to tools. A turn that fails is undone: the
streams are ended, memory is built again from the journal, and workers send
again what was not acked.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping

from ..proto import podlog_pb2 as pb
from ..proto.control import AllEnded, ProcessExit, Setup
from ..proto.errors import PodlogError, UnavailableError
from .desk import Desk
from .hooks import Hooks
from .opening import OpenRun
from .runners import Runner
from .streams import Peer, Stream

_log = logging.getLogger(__name__)

TURN_S = 0.05
RETRY_S = 1.0
_LONGEST_WAIT_S = 60.0
_CLOSE_FEEDS_S = 5.0

Call = Callable[[], None]


def _nothing() -> None:
    """For streams that need not know when a message was dealt with."""


class Coordinator:
    """Takes connections from any thread; owns the state thread.

    Life: `start`, perhaps `begin` with a run that the caller opened, `close`
    once, which settles; or it settles and ends by itself when every process
    has said goodbye or is lost.

    Args:
        setup: the job, and how many processes it has.
        local: the job is this one process: ``finalize`` finalizes the tools.
        hooks: what the owner wants to hear.
    """

    def __init__(self, setup: Setup, *, local: bool = False, hooks: Hooks | None = None) -> None:
        self.setup = setup
        self._hooks = hooks or Hooks()
        self._desk = Desk(setup, self.post, local=local, hooks=self._hooks)
        self._queue: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._dealt: list[Stream] = []
        self._stop = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="podlog-state", daemon=True)

    # --------------------------------------------------- from any thread

    def start(self) -> None:
        """Starts the state thread."""
        self._thread.start()

    def begin(self, opened: OpenRun, runners: Mapping[str, Runner]) -> None:
        """Serves a run that the caller has opened, with its tools."""
        self.post(lambda: self._desk.begin(opened, runners))

    def connect(self, hello: pb.Hello, peer: Peer, taken: Call = _nothing) -> Stream:
        """Opens a stream; whether it is welcome, `peer` hears.

        Args:
            hello: who comes.
            peer: the way back.
            taken: called when a message of the stream has been dealt with.
        """
        stream = Stream(hello, peer, taken)
        self.post(lambda: self._desk.join(stream))
        if self._over.is_set():
            peer.end(UnavailableError("the coordinator has ended"))
        return stream

    def receive(self, stream: Stream, message: pb.WorkerMessage) -> None:
        """Hands over a stream's next message."""
        self.post(lambda: self._deal(stream, message))

    def half_closed(self, stream: Stream) -> None:
        """The worker sends nothing more: it is told what was committed, then let go."""
        self.post(lambda: self._desk.end(stream, None))

    def ended(self, stream: Stream) -> None:
        """The connection is gone; safe twice."""
        self.post(lambda: self._desk.left(stream))

    def process_exit(self, notice: ProcessExit) -> None:
        """The launcher's word on one process."""
        self.post(lambda: self._desk.process_exit(notice))

    def all_ended(self, notice: AllEnded | None = None) -> None:
        """Every process of the job has ended: settle and end."""
        told = notice or AllEnded()
        self.post(lambda: self._desk.all_ended(told))

    def parent_gone(self) -> None:
        """Nobody will tell more. A launcher takes its processes with it; a Logger does not."""
        if self.setup.launched:
            self.all_ended()
        else:
            self.post(self._desk.orphaned)

    def wait_settled(self, timeout: float | None) -> bool:
        """Waits until everything is settled and closed; True if it is."""
        return self._over.wait(timeout)

    def close(self, timeout: float) -> bool:
        """Settles and ends the thread, at most about `timeout` seconds later; safe twice.

        Returns:
            Whether everything was settled in time.
        """
        if not self._thread.is_alive():
            return True
        self.all_ended()
        settled = self.wait_settled(timeout)
        if not settled:
            self._stop.set()
            self.post(_nothing)
        self._thread.join(_CLOSE_FEEDS_S + 5.0)
        return settled

    def post(self, call: Call) -> None:
        """Has `call` run on the state thread, in order, in a transaction."""
        self._queue.put(call)

    # --------------------------------------------------- the state thread

    def _loop(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
        except BaseException:
            _log.exception("the coordinator's state thread failed")
        finally:
            self._finish()

    def _turn(self) -> None:
        """Deals with what is there, at most about `TURN_S`, then commits and tells."""
        call = self._next(self._patience())
        run, began = self._desk.run, time.monotonic()
        try:
            with contextlib.nullcontext() if run is None else run.opened.journal.transaction():
                while call is not None:
                    call()
                    if self._desk.run is not run or time.monotonic() - began > TURN_S:
                        break
                    call = self._next(0.0)
                if run is not None:
                    run.advance(time.monotonic())
        except Exception as error:
            self._undo(error)
            return

        self._desk.committed()
        dealt, self._dealt = self._dealt, []
        for stream in dealt:
            stream.taken()
        if self._desk.over:
            self._stop.set()

    def _deal(self, stream: Stream, message: pb.WorkerMessage) -> None:
        self._dealt.append(stream)
        self._desk.receive(stream, message)

    def _next(self, timeout: float) -> Call | None:
        try:
            return self._queue.get(timeout=timeout) if timeout > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None

    def _patience(self) -> float:
        """How long nothing has to be done if nothing comes."""
        run = self._desk.run
        deadline = None if run is None else run.next_deadline()
        if deadline is None:
            return _LONGEST_WAIT_S
        return min(_LONGEST_WAIT_S, max(0.005, deadline - time.monotonic()))

    def _undo(self, error: Exception) -> None:
        """Memory follows the journal again; workers come back and send what was not acked."""
        _log.error("a turn failed and was undone; going on in %.0f s", RETRY_S, exc_info=error)
        self._dealt.clear()
        self._desk.drop(error)
        run = self._desk.run
        while run is not None and not self._stop.wait(RETRY_S):
            try:
                with run.opened.journal.transaction():
                    run.recall(time.monotonic())
                return
            except Exception as again:
                _log.debug("the journal cannot be used yet: %s", again)

    def _finish(self) -> None:
        """Lets everything go; the last cursors are committed before the journal closes."""
        run = self._desk.run
        try:
            if run is not None:
                run.close_feeds(_CLOSE_FEEDS_S)
                while (call := self._next(0.0)) is not None:
                    call()
                run.opened.close()
        except Exception:
            _log.exception("the end of the run failed")
        try:
            self._desk.close()
            self._hooks.ended(self._desk.ended())
        except Exception:
            _log.exception("the end of the run was not told")
        finally:
            self._over.set()
            while (call := self._next(0.0)) is not None:
                with contextlib.suppress(PodlogError):
                    call()
            self._desk.close()

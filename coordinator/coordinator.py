"""The one thread that owns all state, ``podlog-state``, and who may post to it.

Whoever has something to say posts it: connections their messages, feeds what
they wrote, the parent what ended. The thread takes what is there, lets the
`Run` deal with it in one transaction of the journal, and only after the commit
tells anybody: acks to workers, rows to tools. A turn that fails is undone: the
streams are ended, memory is built again from the journal, and workers send
again what was not acked; what others had said is dealt with again.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Mapping

from ..proto import podlog_pb2 as pb
from ..proto.control import AllEnded, ProcessExit, Setup
from ..proto.errors import JournalGoneError, UnavailableError
from ..proto.records import Event
from .desk import Desk
from .faults import Faults, is_fault
from .hooks import Hooks
from .mailbox import Call, Item, Mailbox, give_back, urgent
from .opening import OpenRun
from .runners import Runner
from .streams import Peer, Stream
from .watching import Watching
from .windup import CLOSE_FEEDS_S, wind_up

_log = logging.getLogger(__name__)

TURN_S = 0.05
_LONGEST_WAIT_S = 60.0
_LAST_TRIES_S = 60.0
"""After every process has ended, a journal that cannot be written is waited for so long."""


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

    Attributes:
        watching: shows how the job stands.
    """

    def __init__(self, setup: Setup, *, local: bool = False, hooks: Hooks | None = None) -> None:
        self.setup = setup
        self._hooks = hooks or Hooks()
        self._desk = Desk(setup, self.post, local=local, hooks=self._hooks)
        self.watching = Watching(setup, self.post)
        self._faults = Faults()
        self._mailbox = Mailbox()
        self._ended_at: float | None = None
        self._stop = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="podlog-state", daemon=True)

    # --------------------------------------------------- from any thread

    def start(self) -> None:
        """Starts the state thread; a run that was served before is opened at once."""
        self._thread.start()
        if self.setup.open:
            asked = pb.Open.FromString(self.setup.open)
            self.post(lambda: self._desk.reopen(asked))

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
        self._mailbox.put(lambda: self._desk.join(stream), stream)
        if self._over.is_set():
            peer.end(UnavailableError("the coordinator has ended"))
        return stream

    def receive(self, stream: Stream, message: pb.WorkerMessage) -> None:
        """Hands over a stream's next message."""
        call = lambda: self._desk.receive(stream, message)  # noqa: E731
        self._mailbox.put(call, stream, credit=True, urgent=urgent(stream, message))

    def half_closed(self, stream: Stream) -> None:
        """The worker sends nothing more: it is told what was committed, then let go."""
        self._mailbox.put(lambda: self._desk.end(stream, None), stream)

    def ended(self, stream: Stream) -> None:
        """The connection is gone; safe twice."""
        self._mailbox.put(lambda: self._desk.left(stream), stream)

    def signalled(self, number: int) -> None:
        """The launcher received a signal."""
        self.post(lambda: self._desk.signalled(number))

    def process_exit(self, notice: ProcessExit) -> None:
        """The launcher's word on one process."""
        self.post(lambda: self._desk.process_exit(notice))

    def all_ended(self, notice: AllEnded | None = None) -> None:
        """Every process of the job has ended: settle and end."""
        told = notice or AllEnded()
        self._ended_at = self._ended_at or time.monotonic()
        self.post(lambda: self._desk.all_ended(told))

    def parent_gone(self) -> None:
        """Nobody will tell more. A launcher takes its processes with it; a Logger does not."""
        if self.setup.launched:
            self.all_ended(AllEnded(unwatched=True))
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
        self._thread.join(CLOSE_FEEDS_S + 5.0)
        return settled

    def post(self, call: Call) -> None:
        """Has `call` run on the state thread, in order, in a transaction.

        It is run again after a turn that was undone.
        """
        self._mailbox.put(call)

    # --------------------------------------------------- the state thread

    def _loop(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
        except BaseException:
            _log.exception("the coordinator's state thread failed")
        finally:
            self.watching.end(self._desk, time.monotonic())
            wind_up(self._desk, self._mailbox, self._hooks, self._over)

    def _turn(self) -> None:
        """Deals with what is there, at most about `TURN_S`, then commits and tells."""
        patience = self._patience()
        item = self._mailbox.next(patience)
        done: list[Item] = []
        try:
            run, began = self._desk.run, time.monotonic()
            if run is not None and not run.ours(began):
                self._mailbox.again(i for i in (item,) if i is not None)
                self._desk.look(began)
                self._stop.set()
                return
            with contextlib.nullcontext() if run is None else run.opened.journal.transaction():
                while item is not None:
                    done.append(item)
                    item.run()
                    if self._desk.run is not run or time.monotonic() - began > TURN_S:
                        break
                    item = self._mailbox.next(0.0)
                text = self._faults.over(time.monotonic())
                if run is not None:
                    if text is not None:
                        run.event(Event("journal_back", text))
                    run.came(time.monotonic(), patience)
                    run.advance(time.monotonic())
            give_back(done)
            done.clear()  # committed: whatever fails now, it is not dealt with again
            self._desk.committed()
            self.watching.turn(self._desk, time.monotonic())
            self._desk.look(time.monotonic())
        except Exception as error:
            self._undo(error, done)
        if self._desk.over:
            self._stop.set()

    def _patience(self) -> float:
        """How long nothing has to be done if nothing comes."""
        found = [self._desk.next_deadline(), self._faults.next_deadline()]
        deadline = min((d for d in found if d is not None), default=None)
        if deadline is None:
            return _LONGEST_WAIT_S
        return min(_LONGEST_WAIT_S, max(0.005, deadline - time.monotonic()))

    def _undo(self, error: Exception, done: list[Item]) -> None:
        """Memory follows the journal again; workers come back and send what was not acked."""
        self._faults.met(error, time.monotonic())
        if isinstance(error, JournalGoneError):
            self._hooks.gone()
        self._desk.drop(error)
        give_back(done)
        fault = is_fault(error)
        self._mailbox.again(i for i in done if i.stream is None and (fault or not i.failed))
        run = self._desk.run
        if run is None:
            self._faults.back(time.monotonic())
        elif not self._faults.outlast(
            run.opened.journal,
            recall=lambda: run.recall(time.monotonic()),
            wait=lambda s: self._mailbox.turn_away(s, lambda x: self._desk.turn_away(x, error)),
            gives_up=self._gives_up,
        ):
            self._stop.set()

    def _gives_up(self, lasts: float) -> bool:
        """Whether a fault has lasted long enough, with nobody left who would send again."""
        ended = self._ended_at
        alone = 0.0 if ended is None else time.monotonic() - ended
        return self._stop.is_set() or min(alone, lasts) > _LAST_TRIES_S

"""What every launcher does with the processes it started: see them to their end.

`podlog run` tends all processes of a job beside its coordinator; `podlog exec`
tends one, whose coordinator may be elsewhere. Both make a `Tending`, start
processes with its `children`, hand what they hear of the coordinator and of
signals to `put`, and call `watch`:

    tending = Tending(grace)
    with signals_to(tending.put):
        tending.children.start(index, command, environment)
        tending.watch(report)  # e.g. the `send` of a `Sidecar`
"""

import dataclasses
import queue
import signal
import time
from collections.abc import Callable, Sequence

from ..proto.control import Ended, FirstSign, ProcessExit
from ..proto.words import signal_name
from .children import Children
from .escalation import Escalation, Order
from .oom import OutOfMemory
from .outcome import ABANDONED, said, sign_said
from .terminal import tell

Event = ProcessExit | FirstSign | Ended | int
"""An exit, the coordinator's first sign or last word, or the number of a signal received."""

_ABORT_PAUSE_S = 2.0
"""JAX aborts every process once one is missing: so long the others may end of that."""


class Tending:
    """Tends processes until all have ended, and decides when to stop them.

    They are stopped (SIGTERM, a grace later SIGKILL) when one of them fails, when
    the coordinator names a first sign, or a grace after it ended with a verdict
    that leaves them nothing to do. The process that failed may still run, to
    report or to free the others: it has a grace more. A signal to the launcher
    is passed on as it came, and followed by stronger ones; a second one kills.
    What is stopped so is told as not `caused`.

    `put` is thread-safe and waits for nothing (a signal handler may call it);
    all else is for the main thread.

    Args:
        grace: seconds between the signals that stop the processes.

    Attributes:
        children: the processes.
        failed: ends of processes that nobody asked for and that are no success,
            in order.
        sign: the newest first sign that the coordinator named; None: it named none.
    """

    def __init__(self, grace: float) -> None:
        self.children = Children(self.put)
        self.failed: list[ProcessExit] = []
        self.sign: FirstSign | None = None
        self._grace = grace
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._escalation = Escalation(grace)
        self._memory = OutOfMemory()
        self._sent: dict[int, set[int]] = {}
        self._named: set[int] = set()

    def put(self, event: Event) -> None:
        """Something happened; `watch` or `settle` deals with it."""
        if isinstance(event, FirstSign):
            self.sign = event
        self._events.put(event)

    def received(self) -> int | None:
        """The first signal the launcher got while this was its `Tending`, or None.

        Reads what `put` took and nobody dealt with: not while `watch` goes on.
        """
        while (event := self._next(0.0)) is not None:
            if isinstance(event, int):
                self._escalation.signalled(event, time.monotonic())
        return self._escalation.received

    def watch(
        self,
        report: Callable[[ProcessExit], None],
        on_signal: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Until every process has ended.

        Args:
            report: told of each that has.
            on_signal: told of the first signal to the launcher, before it is
                passed on: what it brings about shall not seem to be the cause.
        """
        left = self.children.started
        while left:
            event = self._next(self._escalation.wait(time.monotonic()))
            now = time.monotonic()
            if isinstance(event, ProcessExit):
                left -= 1
                event = self._completed(event)
                report(event)
            elif isinstance(event, int) and self._escalation.received is None:
                on_signal(event)
            for order in self._deal(event, now):
                for process in self.children.send(order.number, order.spared):
                    self._sent.setdefault(process, set()).add(order.number)

    def settle(self, settled: Callable[[float], bool], timeout: float) -> bool:
        """Waits for the coordinator at most `timeout` seconds; a signal ends the wait.

        Args:
            settled: waits at most so many seconds; whether it has ended.
            timeout: seconds.

        Returns:
            Whether it has ended.
        """
        deadline = time.monotonic() + timeout
        while not settled(0.1):
            event = self._next(0.0)
            if isinstance(event, int):
                self._escalation.signalled(event, time.monotonic())
            if isinstance(event, int) or time.monotonic() > deadline:
                return False
        return True

    def close(self) -> None:
        """Kills what still runs and joins all threads; safe twice."""
        self.children.close()

    def _next(self, timeout: float | None) -> Event | None:
        try:
            return self._events.get(timeout=timeout) if timeout != 0 else self._events.get_nowait()
        except queue.Empty:
            return None

    def _deal(self, event: Event | None, now: float) -> Sequence[Order]:
        match event:
            case None:
                return self._escalation.due(now)
            case ProcessExit():
                return self._exited(event, now)
            case FirstSign():
                return self._signed(event, now)
            case Ended():
                return self._ended(event, now)
            case number:
                left = len(self.children.running)
                tell(f"{signal_name(number)} received: stopping {left} processes")
                return self._escalation.signalled(number, now)

    def _completed(self, event: ProcessExit) -> ProcessExit:
        """What only a launcher knows of an exit."""
        sent, received = self._sent.get(event.process, set()), self._escalation.received
        # Its peers know of a kill before the kernel is done with it, and before we are.
        killed = event.signal == signal.SIGKILL and signal.SIGKILL not in sent and received is None
        caused = killed or not sent
        return dataclasses.replace(
            event,
            caused=caused,
            received=received,
            out_of_memory=killed and self._memory.killed(),
        )

    def _exited(self, event: ProcessExit, now: float) -> Sequence[Order]:
        if event.code == 0 or not event.caused:
            return ()
        self.failed.append(event)
        if event.process in self._named or self._escalation.received is not None:
            return ()
        aborted = event.signal == signal.SIGABRT
        pause = min(self._grace, _ABORT_PAUSE_S) if aborted else 0.0
        return self._stop(event.process, said(event), now, pause=pause)

    def _signed(self, sign: FirstSign, now: float) -> Sequence[Order]:
        if sign.process in self._named or self._escalation.received is not None:
            return ()
        return self._stop(sign.process, sign_said(sign), now)

    def _stop(self, process: int, why: str, now: float, *, pause: float = 0.0) -> Sequence[Order]:
        self._named.add(process)
        others = len(set(self.children.running) - {process})
        stopping = others and not self._escalation.begun
        tell(why + (f": stopping the other {others}" if stopping else ""))
        return self._escalation.failed(now, spared=process, pause=pause)

    def _ended(self, ended: Ended, now: float) -> Sequence[Order]:
        """The job has its verdict though processes are still there."""
        if self._escalation.begun or ended.status not in ABANDONED:
            return ()
        left = len(self.children.running)
        if left:
            tell(f"the job has ended: {left} processes have {self._grace:g} s to do so")
        return self._escalation.failed(now, pause=self._grace)

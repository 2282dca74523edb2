"""The coordinator as a process beside this one: start it, hear it, keep it, let it go.

Down its stdin go `Setup`, then `Signalled`, `ProcessExit` and `AllEnded`; up its
stdout come `Ready` or `Failed`, `Opened`, `ConsoleLine`, `FirstSign` and `Ended`
(`podlog.proto.control`).
It lives in a session of its own, so that a signal to this process's group does
not reach it: it ends by itself when the job has settled. If it dies before that
it is started again and told everything that the one before it was told.
"""

import dataclasses
import logging
import threading
import time
from pathlib import Path
from typing import Self

from ..proto.backoff import Backoff
from ..proto.control import (
    AllEnded,
    ConsoleLine,
    Ended,
    Failed,
    FirstSign,
    Notice,
    Opened,
    ProcessExit,
    Ready,
    Setup,
    Signalled,
)
from ..proto.errors import UnavailableError
from .listener import Listener, call
from .sideproc import SideProcess

_log = logging.getLogger(__name__)

START_S = 60.0
"""How long a coordinator may take until it listens."""

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_LIVED_S = 1.0
"""One that dies younger died at once: the next one waits a little longer each time."""


class Sidecar:
    """One coordinator, as its parent sees it. Thread-safe.

    `start` makes it; whoever did calls `release` (it goes on until the job has
    settled, but is not started again) or `kill`, and may `wait` for its end.
    Both are safe twice. A thread, ``podlog-sidecar``, hears it and starts it
    again, for ever, until it has settled or is given up.

    Args:
        setup: job, credentials, address and number of processes.
        output: file for its stderr; None: thrown away.
        listener: hears what becomes of it.
    """

    def __init__(self, setup: Setup, output: Path | None, listener: Listener) -> None:
        self._setup = setup
        self._output = output
        self._listener = listener
        self._changed = threading.Condition()
        self._told: list[Signalled | ProcessExit | AllEnded] = []
        self._first: Ready | Failed | None = None
        self._opened: Opened | None = None
        self._ended: Ended | None = None
        self._port = setup.port
        self._listens = False
        self._restarts = 0
        self._signal_counts = False
        self._over = False  # nobody is started any more
        self._process = SideProcess(setup, output)
        self._thread = threading.Thread(target=self._keep, name="podlog-sidecar", daemon=True)

    @classmethod
    def start(
        cls, setup: Setup, *, output: Path | None = None, listener: Listener | None = None
    ) -> Self:
        """Starts a coordinator and hands it its setup.

        Args:
            setup: job, credentials, address and number of processes.
            output: file for its stderr (appended); None: thrown away. What it
                has to say after the run is open goes to ``coordinator.log``.
            listener: hears what becomes of it; None: one with the defaults.

        Raises:
            UnavailableError: the process cannot be started.
        """
        try:
            sidecar = cls(setup, output, listener or Listener())
        except OSError as error:
            raise UnavailableError(f"the coordinator cannot be started: {error}") from error
        sidecar._process.tell(setup)
        sidecar._thread.start()
        return sidecar

    @property
    def pid(self) -> int:
        """Process id of the present one."""
        return self._process.pid

    @property
    def listens(self) -> bool:
        """Whether the present one has said that it listens."""
        return self._listens

    @property
    def restarts(self) -> int:
        """How often another one was started."""
        return self._restarts

    @property
    def opened(self) -> Opened | None:
        """The run it serves, once process 0 has opened it."""
        return self._opened

    @property
    def ended(self) -> Ended | None:
        """Its last word, once it has settled."""
        return self._ended

    def ready(self, timeout: float = START_S) -> int:
        """Waits until it listens, at most `timeout` seconds, and returns the port.

        Raises:
            UnavailableError: it said why it cannot, died, or was too slow.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._first is not None or self._over, timeout)
            match self._first:
                case Ready(port):
                    return port
                case Failed(message):
                    raise UnavailableError(message)
            if self._over:
                raise UnavailableError("the coordinator ended before it listened")
        raise UnavailableError(f"the coordinator did not listen within {timeout:.0f} s")

    def send(self, notice: Signalled | ProcessExit | AllEnded) -> None:
        """Tells it, and each one that is started again; never raises."""
        with self._changed:
            self._told.append(notice)
            self._process.tell(notice)

    def signalled(self, number: int, timeout: float) -> None:
        """Tells it of the launcher's first signal; waits until that counts, or for `timeout` s."""
        self.send(Signalled(number))
        with self._changed:
            self._changed.wait_for(lambda: self._signal_counts or self._over, timeout)

    def release(self) -> None:
        """Closes its stdin: it knows that nobody will tell it more, and settles."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
            self._process.hang_up()

    def wait(self, timeout: float) -> bool:
        """Waits until it has ended for good, at most `timeout` seconds; True if it has."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            return False
        self.release()
        return True

    def kill_present(self) -> bool:
        """Ends the present one at once, and another takes its place; whether it lived."""
        with self._changed:
            return self._process.kill()

    def kill(self) -> None:
        """Ends it at once, unsettled, for good, and reaps it."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
            self._process.kill()
        self.wait(5.0)

    # ------------------------------------------------------ the thread's own

    def _keep(self) -> None:
        """Hears one coordinator after the other until there shall be none."""
        pauses, announced = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S), False
        while True:
            for notice in self._process.hear():
                self._take(notice)
            code = self._process.reap()
            if time.monotonic() - self._process.started >= _LIVED_S:
                pauses.reset()
                announced = False
            if self._final(code):
                return
            pause = pauses.next() if announced else 0.0
            if not announced:
                announced = True
                call(self._listener.death, f"{self._process.how(code)}; it is started again")
            if not self._again(pause):
                return

    def _final(self, code: int) -> bool:
        """Whether nobody takes its place: it has settled, never listened, or is given up."""
        with self._changed:
            if code == 0 or self._ended is not None or not isinstance(self._first, Ready):
                self._over = True
            self._process.hang_up()
            self._changed.notify_all()
            return self._over

    def _again(self, pause: float) -> bool:
        """Starts another one after `pause` seconds; False if it shall not be."""
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._over, pause):
                    return False
                known = b"" if self._opened is None else self._opened.open
                setup = dataclasses.replace(self._setup, port=self._port, open=known)
                try:
                    self._process = SideProcess(setup, self._output)
                except Exception as error:  # no memory, no pids: worth another try
                    _log.debug("the coordinator cannot be started again: %s", error)
                    pause = _LONGEST_PAUSE_S
                    continue
                self._listens = False
                self._restarts += 1
                for notice in (setup, *self._told):
                    self._process.tell(notice)
                return True

    def _take(self, notice: Notice) -> None:
        match notice:
            case ConsoleLine(text):
                call(self._listener.console, text)
            case Ready() | Failed():
                self._answered(notice)
            case Opened():
                with self._changed:
                    known = b"" if self._opened is None else self._opened.open
                    self._opened = dataclasses.replace(notice, open=notice.open or known)
            case Signalled():
                with self._changed:
                    self._signal_counts = True
                    self._changed.notify_all()
            case FirstSign():
                call(self._listener.sign, notice)
            case Ended():
                with self._changed:
                    self._ended = notice
                call(self._listener.end, notice)

    def _answered(self, notice: Ready | Failed) -> None:
        """It listens, or cannot, or the run cannot be opened."""
        with self._changed:
            again = self._first is not None
            if not again:
                self._first = notice
                self._changed.notify_all()
            if isinstance(notice, Ready):
                self._port, self._listens = notice.port, True
            elif not self._listens:
                self._port = 0  # the next one takes any
                self._process.kill()
        if isinstance(notice, Failed):
            _log.debug("the coordinator (pid %d): %s", self.pid, notice.message)
        elif again:
            call(self._listener.restart, notice.port)

"""What the training thread does, for heartbeats: step, mode, phase, and how long it is silent."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from ..proto import podlog_pb2 as pb
from .inputs import as_text
from .silence import COMPILE, OURS, Silence

FETCH = "fetch"
"""The phase of a process whose training thread waits for values of its device."""

_MOST_NAMES = 64
_MOST_CHARS = 100
_OTHERS = "(others)"


class Phases:
    """Where the training loop of one process is. Thread-safe.

    The training thread is the one that made the Logger, then whichever called
    one of the methods of the loop itself; what other threads call says nothing
    about it and is passed over. Outside every mode, in a compile and in
    podlog's own waits the process is quiet: nothing is expected of it.

    Args:
        clock: monotonic seconds, as the `now` of all methods.

    Attributes:
        step: the last step handed in or asked about.
        mode: the innermost mode, ``"default"`` outside every epoch.
        thread: identifier of the training thread, as in ``threading``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.step = 0
        self.mode = "default"
        self.thread = threading.get_ident()
        self._clock = clock
        self._lock = threading.RLock()  # a signal handler may call the Logger
        self._silence = Silence(clock())
        self._outside = True
        self._phases: list[str] = []
        self._names: set[str] = set()
        self._entered: dict[str, int] = {}
        self._steps = self._training = 0
        self._calls, self._calls_at = 0, self.step
        self._step_s = 0.0
        self._last = ""

    # -------------------------------------------------- calls of the loop

    def stepped(self, step: int, now: float) -> None:
        """``log_step`` was called at a step that does not log: the hot path.

        Without the lock: only the training thread writes, and a heartbeat may be off by this call.
        """
        self._silence.turn(now)
        self._last = "log_step"
        self._steps += 1
        if step == self._calls_at:
            self._calls += 1
        else:
            self._calls, self._calls_at = 0, step
        self.step = step

    def logged(self, step: int, step_time: float | None, now: float) -> None:
        """``log_step`` was called at a logging step.

        Args:
            step: the step.
            step_time: seconds a step since the last one, if there was one.
            now: the time.
        """
        with self._lock:
            self.thread = threading.get_ident()
            self.stepped(step, now)
            self._step_s = self._step_s if step_time is None else step_time

    def training_started(self, now: float) -> None:
        """``on_training_start`` was called: modes are counted anew."""
        with self._lock:
            self._turn("on_training_start", now)
            self.thread = threading.get_ident()
            self._training += 1
            self._entered.clear()

    def entered_mode(self, mode: str, now: float) -> None:
        """``start_epoch`` entered `mode`."""
        with self._lock:
            self._moved("start_epoch", mode, now, outside=False)
            name = self._named(mode)
            self._entered[name] = self._entered.get(name, 0) + 1

    def left_mode(self, back: str, now: float, *, outside: bool) -> None:
        """``end_epoch`` came back to the mode `back`, or `outside` every one."""
        with self._lock:
            self._moved("end_epoch", back, now, outside=outside)

    # ---------------------------------------------------------- any call

    def touch(self, call: str) -> None:
        """The public method `call` was called."""
        if threading.get_ident() == self.thread:
            with self._lock:
                self._turn(call, self._clock())

    @contextlib.contextmanager
    def within(self, phase: str, call: str = "") -> Iterator[None]:
        """Names what the training thread does meanwhile; phases may be nested.

        Args:
            phase: its name, of at most 100 characters; beyond 64 names all are one.
            call: the public method that was called, if this is one.
        """
        if threading.get_ident() != self.thread:
            yield
            return
        phase = self._named(as_text(phase))
        self._enter(phase, call)
        try:
            yield
        finally:
            self._leave(phase)

    @contextlib.contextmanager
    def ours(self, call: str) -> Iterator[None]:
        """The public method `call` waits meanwhile, inside podlog and bounded."""
        if threading.get_ident() != self.thread:
            yield
            return
        self._wait(1, call)
        try:
            yield
        finally:
            self._wait(-1, "")

    # ---------------------------------------------------------- compiles

    def compile_began(self, thread: int, now: float) -> None:
        """A compile began in `thread`."""
        self._compile(thread, now, begins=True)

    def compile_ended(self, thread: int, now: float) -> None:
        """The compile that ran in `thread` ended."""
        self._compile(thread, now, begins=False)

    # ------------------------------------------------------- the heartbeat

    @property
    def phase(self) -> str:
        """What it does: `COMPILE`, `OURS`, else the innermost named phase, or ""."""
        if self._silence.compiling:
            return COMPILE
        if self._silence.ours:
            return OURS
        return self._phases[-1] if self._phases else ""

    def fill(self, beat: pb.Heartbeat, now: float) -> None:
        """Fills in what a heartbeat says of the training thread.

        That is step, mode, phase, idle_s, longest_s, quiet, training, entered,
        steps, phase_s (see `Silence.seconds`), step_s, last and calls.
        """
        with self._lock:
            silence = self._silence
            beat.step, beat.mode, beat.phase = self.step, self.mode, self.phase
            beat.idle_s, beat.longest_s = silence.idle(now), silence.longest
            beat.quiet = self._outside or silence.compiling or silence.ours > 0
            beat.training, beat.steps = self._training, self._steps
            beat.step_s, beat.last = self._step_s, self._last
            beat.calls = self._calls if self._calls_at == self.step else 0
            beat.entered.update(self._entered)
            beat.phase_s.update(silence.seconds(now))

    # -------------------------------------------------------------- inside

    def _turn(self, call: str, now: float) -> None:
        self._silence.turn(now)
        self._called(call)

    def _called(self, call: str) -> None:
        self._last = call or self._last
        self._calls += 1
        if self.step != self._calls_at:
            self._calls, self._calls_at = 0, self.step

    def _here(self) -> None:
        mode = "" if self._outside else self._named(self.mode)
        self._silence.move(mode, self._phases[-1] if self._phases else "")

    def _moved(self, call: str, mode: str, now: float, *, outside: bool) -> None:
        self.thread = threading.get_ident()
        self._turn(call, now)
        self.mode, self._outside = mode, outside
        self._here()

    def _enter(self, phase: str, call: str) -> None:
        with self._lock:
            self._turn(call, self._clock())
            self._phases.append(phase)
            self._here()

    def _leave(self, phase: str) -> None:
        with self._lock:
            self._turn("", self._clock())
            if phase in self._phases:
                del self._phases[len(self._phases) - 1 - self._phases[::-1].index(phase)]
            self._here()

    def _wait(self, change: int, call: str) -> None:
        with self._lock:
            self._silence.wait(change, self._clock())
            self._called(call)

    def _compile(self, thread: int, now: float, *, begins: bool) -> None:
        with self._lock:
            if thread == self.thread:
                self._silence.compile(begins, now)

    def _named(self, name: str) -> str:
        """`name` cut short, or one name for all that come after many."""
        name = name[:_MOST_CHARS]
        if name not in self._names and len(self._names) >= _MOST_NAMES:
            return _OTHERS
        self._names.add(name)
        return name

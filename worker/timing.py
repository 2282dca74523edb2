"""Modes, epochs and step times of one Logger; pure, `now` is monotonic seconds."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Phase:
    """One entry of the mode stack: a started and not yet ended epoch."""

    mode: str
    epoch: int
    started: float


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """What `Timing.end_epoch` ended, and how long it took in seconds."""

    mode: str
    epoch: int
    seconds: float


class Timing:
    """The stack of running epochs and the step timer.

    The step timer measures from a reference (time, step) that `start_epoch` and
    each logging step set and `end_epoch` clears, so that the time of a
    validation is in no train step's time. Not thread-safe: one training thread.

    Attributes:
        epoch: number of the innermost running epoch; once none runs, of the
            one that ended last; 0 before the first.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self._stack: list[Phase] = []
        self._reference: tuple[float, int] | None = None

    @property
    def mode(self) -> str:
        """The innermost mode, ``"default"`` outside every epoch."""
        return self._stack[-1].mode if self._stack else "default"

    @property
    def mode_stack(self) -> list[str]:
        """The running modes, outermost first; a copy."""
        return [phase.mode for phase in self._stack]

    def start_epoch(self, mode: str, epoch: int, step: int, now: float) -> None:
        """Enters a mode; the step timer starts at (now, step)."""
        self._stack.append(Phase(mode, epoch, now))
        self.epoch = epoch
        self._reference = (now, step)

    def end_epoch(self, now: float) -> Ended | None:
        """Leaves the innermost mode and clears the step timer.

        Returns:
            What ended, or None (and nothing is changed) outside every epoch.
        """
        if not self._stack:
            return None

        phase = self._stack.pop()
        if self._stack:
            self.epoch = self._stack[-1].epoch
        self._reference = None
        return Ended(phase.mode, phase.epoch, now - phase.started)

    def seen(self, step: int, now: float) -> None:
        """Notes a step that does not log: the reference, if there is none."""
        if self._reference is None:
            self._reference = (now, step)

    def logged(self, step: int, now: float) -> float | None:
        """Notes a logging step, which becomes the reference.

        Returns:
            Seconds a step since the last reference; None if there was none,
            or no step since it (the same step again, or a step that went back).
        """
        reference, self._reference = self._reference, (now, step)
        if reference is None or step <= reference[1]:
            return None
        return (now - reference[0]) / (step - reference[1])

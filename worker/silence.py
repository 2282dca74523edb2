"""How long the training thread was silent, and where; pure, `now` is monotonic seconds."""

import dataclasses

COMPILE = "compile"
"""The phase of a process whose training thread compiles."""

OURS = "podlog"
"""The phase of a process whose training thread waits inside podlog, bounded."""


@dataclasses.dataclass(slots=True, eq=False)
class _Place:
    """What is known of one (mode, phase): seconds in it, and the longest wait."""

    seconds: float = 0.0
    longest: float = 0.0


class Silence:
    """Time between calls of the Logger, and what a healthy wait is. Not thread-safe.

    Each wait, from one call to the next, belongs to the place (mode, phase) that
    it ran in; the longest there is learned. One that a compile interrupts is
    not: it ends and begins with the compile, whose time is its own. Nor are
    podlog's own waits.

    Args:
        now: when the first wait begins.

    Attributes:
        compiling: whether the training thread compiles.
        ours: how many of podlog's waits it is in, one inside the other.
    """

    def __init__(self, now: float) -> None:
        self.compiling = False
        self.ours = 0
        self._since = now
        self._compile_s = self._ours_s = 0.0
        self._places: dict[tuple[str, str], _Place] = {}
        self._learns = True
        self.move("", "")

    def move(self, mode: str, phase: str) -> None:
        """What follows belongs to (mode, phase); "": none. Call `turn` before."""
        self._place = self._places.setdefault((mode, phase), _Place())

    def turn(self, now: float) -> None:
        """A wait ends and the next begins; a compile of which the end was not seen ended."""
        waited = now - self._since
        if self._learns:
            place = self._place
            place.seconds += waited
            if waited > place.longest:
                place.longest = waited
            self._since = now
            return
        self._charge(now)
        self.compiling = False
        self._learns = not self.ours

    def wait(self, change: int, now: float) -> None:
        """One of podlog's own waits begins (+1) or ends (-1)."""
        self.turn(now)
        self.ours += change
        self._learns = not self.ours

    def compile(self, begins: bool, now: float) -> None:
        """A compile begins or ends."""
        if begins != self.compiling:
            self._charge(now)
            self.compiling, self._learns = begins, False

    def idle(self, now: float) -> float:
        """Seconds since the last call, or the last beginning or end of a compile."""
        return max(0.0, now - self._since)

    @property
    def longest(self) -> float:
        """Seconds of the longest wait in the present place; 0: none yet."""
        return self._place.longest

    def seconds(self, now: float) -> dict[str, float]:
        """Seconds by phase, `COMPILE` and `OURS` among them, up to now.

        ``""`` is time in a mode and in no phase; time in neither is in none.
        """
        idle = self.idle(now)
        running = None if self.compiling or self.ours else self._place
        spent: dict[str, float] = {}
        for (mode, phase), place in self._places.items():
            if mode or phase:
                seconds = place.seconds + (idle if place is running else 0.0)
                spent[phase] = spent.get(phase, 0.0) + seconds
        own = {
            COMPILE: self._compile_s + (idle if self.compiling else 0.0),
            OURS: self._ours_s + (idle if self.ours and not self.compiling else 0.0),
        }
        return spent | {phase: seconds for phase, seconds in own.items() if seconds}

    def _charge(self, now: float) -> None:
        waited, self._since = now - self._since, now
        if self.compiling:
            self._compile_s += waited
        elif self.ours:
            self._ours_s += waited
        else:
            self._place.seconds += waited

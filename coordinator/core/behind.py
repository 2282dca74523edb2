"""Which process has not come to where all others are."""

from collections.abc import Collection, Iterator, Mapping

from .member import ENDED, HERE, Member, State

_Key = tuple[int, int, str, int]
"""Process, training, mode and for which time; no mode and 0: its arrival."""


class Behind:
    """Follows who is the only one that did not arrive, or did not enter a mode.

    Not thread-safe.

    Args:
        patience: seconds from when all others did until it is told.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: dict[_Key, float] = {}
        self._told: set[_Key] = set()
        self._new: list[tuple[int, str]] = []

    def look(self, members: Collection[Member], now: float) -> None:
        """Members have changed."""
        lacking = set(_lacking(members))
        self._since = {key: self._since.get(key, now) for key in lacking - self._told}

    def tick(self, now: float) -> None:
        """Finds whom time makes behind."""
        for key in sorted(k for k, since in self._since.items() if since + self._patience <= now):
            self._told.add(key)
            self._new.append((key[0], _line(key, now - self._since.pop(key))))

    def next_deadline(self) -> float | None:
        """When `tick` finds somebody; None: never."""
        return min((since + self._patience for since in self._since.values()), default=None)

    def take(self) -> list[tuple[int, str]]:
        """Process and line of each that is newly behind; told once."""
        new, self._new = self._new, []
        return new


def _lacking(members: Collection[Member]) -> Iterator[_Key]:
    absent = [m for m in members if m.incarnation == 0]
    if absent:
        if len(absent) == 1 < len(members) and absent[0].state is State.JOINING:
            yield absent[0].process, 0, "", 0
        return
    there = {m.process: m for m in members if m.state not in ENDED}
    training = max((m.beat.training for m in there.values()), default=0)
    for mode in sorted({mode for m in there.values() for mode in _entered(m, training)}):
        counts = sorted((_entered(m, training).get(mode, 0), p) for p, m in there.items())
        times, process = counts[0]
        alone = len(counts) > 1 and times < counts[1][0]
        if alone and there[process].state in HERE and there[process].beat_at is not None:
            yield process, training, mode, times + 1


def _entered(member: Member, training: int) -> Mapping[str, int]:
    return member.beat.entered if member.beat.training == training else {}


def _line(key: _Key, ago: float) -> str:
    process, _, mode, times = key
    if not times:
        return f"process {process} has not arrived, all others did {ago:.0f} s ago"
    return (
        f"process {process} has not entered mode {mode!r} for the {_nth(times)} time, "
        f"which all others did {ago:.0f} s ago"
    )


def _nth(number: int) -> str:
    tail = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{tail}"

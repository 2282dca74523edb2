"""Which process is silent for too long, and which only waits for it.

Nothing here knows what a process does between two heartbeats: until the next
one is overdue, its training thread is taken to have called as the last one said.
One whose heartbeats stop is frozen whole, by SIGSTOP or by a call that keeps the
interpreter: what it said last may be from before it began.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ...proto.config import TimingConfig
from .beat import Beat
from .member import Change, Member, State
from .signs import Sign

TIMES = 5.0
"""A wait is too long at so many times the longest seen."""

CHECKPOINT = "checkpoint"
"""The phase in which a process may be silent for `CHECKPOINT_S`."""

CHECKPOINT_S = 1800.0

OWN_WORK = frozenset({"compile", "podlog"})
"""Phases that a worker names itself; it is quiet in them."""

OVERDUE = 2.0
"""A heartbeat is missing after so many times its period."""

_MUTE_S = 1.0
"""But a machine that is busy delays those that are sent very often."""


class Stalls:
    """Judges running processes by their heartbeats. Not thread-safe.

    Args:
        members: every process of the job, by index.
        timing: `stall_after_s` and `heartbeat_s` are used.
    """

    def __init__(self, members: Mapping[int, Member], timing: TimingConfig) -> None:
        self._members = members
        self._timing = timing
        self._now = 0.0  # of the last tick
        self._excused: dict[int, float] = {}
        self._ready: dict[int, tuple[int, float]] = {}  # by training: lowest step, last moment

    def tick(self, first_sign: Callable[[], Sign | None], now: float) -> list[Change]:
        """Finds whom time makes stalled.

        Args:
            first_sign: where something is wrong, if it is: all wait for that process.
            now: monotonic seconds.
        """
        self._now = now
        self._excuse()
        silent: list[Member] = []
        while found := [m for m, due in self._deadlines() if due <= now] or (
            self._unknown() if silent else []
        ):
            for member in found:
                member.state, member.since = State.STALLED, now
            silent += found
        if not silent:
            return []
        sign = first_sign()
        whom = sign.process if sign else self.culprit(None)
        for member in self.stalled():
            waits = member.process != whom
            member.reason = f"waiting for process {whom}" if waits else self._line(member)
        silent.sort(key=lambda m: m.process)
        return [Change(m.process, State.RUNNING, State.STALLED, m.reason) for m in silent]

    def ready(self, before: Beat, now: float) -> None:
        """One is busy no more, as it was `before`: who waited is silent by itself only from now."""
        step, _ = self._ready.get(before.training, (before.step, now))
        self._ready[before.training] = min(step, before.step), now

    def goes_on(self, member: Member, now: float) -> bool:
        """Whether one that was stalled called again, by its newest heartbeat."""
        if member.state is not State.STALLED:
            return False
        if not member.beat.quiet and member.beat.longest <= 0:
            return member.beat.idle < self._timing.stall_after_s
        due = _due(member, self._timing)
        return due is None or due > now

    def next_deadline(self) -> float | None:
        """When `tick` finds somebody if no heartbeat comes; None: never."""
        self._excuse()
        return min((due for _, due in self._deadlines()), default=None)

    def stalled(self) -> list[Member]:
        """Those that are, by index."""
        return [m for _, m in sorted(self._members.items()) if m.state is State.STALLED]

    def culprit(self, sign: Sign | None) -> int | None:
        """Which of those that are stalled the others wait for.

        The one that is least far; steps are compared only within one mode.
        None: nobody is stalled, or all that are wait for the one with the
        `sign`.
        """
        stalled = self.stalled()
        if sign is not None:
            return next((m.process for m in stalled if m.process == sign.process), None)
        return self._least_far(stalled).process if stalled else None

    def _excuse(self) -> None:
        """For all that became `ready` lately at once: a whole job leaves a mode together."""
        ready, self._ready = self._ready, {}
        steps = {training: step for training, (step, _) in ready.items()}
        for p, m in self._members.items() if ready else ():
            if _waits(m, steps):
                self._excused[p] = ready[m.beat.training][1]

    def _deadlines(self) -> list[tuple[Member, float]]:
        """Whom time makes stalled, and when.

        While nobody is, the one that is least far has the first turn: what it
        says of itself may come one heartbeat later than what the others say.
        """
        found = list(self._judged())
        if len(found) < 2 or self.stalled():
            return found
        first, grace = self._least_far(m for m, _ in found), OVERDUE * self._timing.heartbeat_s
        return [(m, due if m is first else max(due, self._due(m) + grace)) for m, due in found]

    def _judged(self) -> Iterator[tuple[Member, float]]:
        """Who may be stalled, and when it is; whose end is known is silent for good.

        Who is as far as one that is busy may wait for it, and is not judged meanwhile.
        """
        busy = self._busy()
        for m in self._members.values():
            if m.state is State.RUNNING and m.failed is None and m.found is None:
                due = _due(m, self._timing)
                if due is not None and not _waits(m, busy):
                    yield m, max(due, self._due(m)) if m.process in self._excused else due

    def _unknown(self) -> list[Member]:
        """Who is silent where nobody knows how long is healthy, and less far than all stalled."""
        stalled, most = self.stalled(), self._timing.stall_after_s
        return [
            m
            for m in self._members.values()
            if m.state is State.RUNNING and m.failed is None and m.found is None
            if self._mute(m) or (_unmeasured(m) and self._now - m.called >= most)
            if self._least_far([*stalled, m]) is m
        ]

    def _mute(self, member: Member) -> bool:
        """Whether its heartbeats stopped: all of it is frozen, whatever the last one said."""
        return self._now - member.heard >= max(OVERDUE * self._timing.heartbeat_s, _MUTE_S)

    def _due(self, member: Member) -> float:
        """When its silence, as far as it is its own, is too long."""
        return self._since(member) + (limit(member.beat, self._timing) or 0.0)

    def _since(self, member: Member) -> float:
        return max(member.called, self._excused.get(member.process, member.called))

    def _least_far(self, members: Iterable[Member]) -> Member:
        """Who has come least far of several.

        At one step, who sends no heartbeats; then who called least since; then
        who was silent first. Over several modes gates are compared.
        """
        found = list(members)
        gates = len({m.beat.mode for m in found}) > 1

        def far(member: Member) -> tuple[int, bool, int, float, int]:
            beat = member.beat
            step, calls = (beat.gate, 0) if gates else (beat.step, beat.calls)
            return step, not self._mute(member), calls, self._since(member), member.process

        return min(found, key=far)

    def _line(self, member: Member) -> str:
        """What is to be said of a stalled process that waits for nobody."""
        beat, now = member.beat, self._now
        idle = beat.idle + now - (now if member.beat_at is None else member.beat_at)
        what = f"no call for {idle:.0f} s"
        if self._mute(member):
            what = f"no heartbeat for {now - member.heard:.0f} s"
        where = f" in phase {beat.phase!r}" if beat.phase else ""
        where += f" of mode {beat.mode!r}" if beat.mode else ""
        last = f", {beat.last} was the last" if beat.last else ""
        return f"{what}{where}, at step {beat.step}{last}"

    def _busy(self) -> dict[int, int]:
        """The lowest step of the busy ones in each training."""
        found: dict[int, int] = {}
        for m in self._members.values():
            if m.state is State.RUNNING and m.beat_at is not None and busy(m.beat):
                found[m.beat.training] = min(m.beat.step, found.get(m.beat.training, m.beat.step))
        return found


def busy(beat: Beat) -> bool:
    """Whether others may well wait for a process: it compiles, saves, or is between two modes."""
    if beat.quiet:
        return beat.phase in OWN_WORK or bool(beat.entered)
    return beat.phase == CHECKPOINT


def limit(beat: Beat, timing: TimingConfig) -> float | None:
    """Seconds without a call after which a process is stalled; None: it may wait for ever."""
    if beat.quiet or beat.longest <= 0:
        return None
    least = CHECKPOINT_S if beat.phase == CHECKPOINT else timing.stall_after_s
    return max(TIMES * beat.longest, least)


def called(member: Member, beat: Beat, now: float) -> float:
    """When the training thread called last, by a heartbeat that came now.

    While it calls nothing, the heartbeat that was quickest says it best.
    """
    moment, before = now - beat.idle, member.beat
    if member.beat_at is None or beat.idle < before.idle or _progress(beat) != _progress(before):
        return moment
    return min(moment, member.called)


def _waits(member: Member, busy_ones: Mapping[int, int]) -> bool:
    """Whether a process may be waiting for one of the busy ones, and is none itself."""
    least = busy_ones.get(member.beat.training)
    return least is not None and member.beat.step >= least and not busy(member.beat)


def _due(member: Member, timing: TimingConfig) -> float | None:
    """When a process is stalled if nothing more comes from it; None: never."""
    most = limit(member.beat, timing)
    if most is None or member.beat_at is None:
        return None
    left = most - member.beat.idle
    return member.beat_at + (max(left, OVERDUE * timing.heartbeat_s) if left > 0 else 0.0)


def _unmeasured(member: Member) -> bool:
    """Whether something is expected of it, but no wait there ever ended."""
    return member.beat_at is not None and not member.beat.quiet and member.beat.longest <= 0


def _progress(beat: Beat) -> tuple[object, ...]:
    return (beat.step, beat.gate, beat.mode, beat.phase, beat.steps, beat.calls, beat.last)

"""A simulated pod: real agreements, loops, faults, and a coordinator that may die."""

from collections.abc import Callable, Sequence

from kit_stoploop import START, Decided, Loop, T, course
from kit_stopwires import Wires

from podlog.coordinator.core.stop import (
    Answer,
    Note,
    Outcome,
    Propose,
    Request,
    Split,
    StopAgreement,
)
from podlog.worker import agreement as worker


class Pod(Wires):
    """Runs one seed; see `kit_stopcheck` for what must hold.

    Args:
        seed: of everything.
        hold_s: how long gates are held; only what is less than `T` is unsafe.
    """

    def __init__(self, seed: int, hold_s: float = T) -> None:
        self.hold_s = hold_s
        super().__init__(seed)
        rng = self.rng
        self.course = course(rng)
        self.loops = [Loop(i, 0, hold_s) for i in range(rng.choice((2, 3, 3, 4)))]
        self.speed = rng.choice((0.3, 0.7, 1.0))
        self.lead = rng.choice((0, 0, 1, 4))
        self.slow = {i for i in range(len(self.loops)) if rng.random() < 0.15}
        self.calm = rng.random() < 0.3
        self.core = self._core()
        self.crash = 0
        self.decided: dict[int, Decided] = {}
        self.answered: dict[int, dict[int, int]] = {}  # proposal: incarnations that answered it
        self.splits: set[tuple[int, int]] = set()
        self.withdrawn = self.in_time = self.holds = 0
        self._tick_at = float("inf")

    # ------------------------------------------------------------------ the run

    def run(self) -> None:
        """From start to end: faults in the first 40 s, then all connect, then silence."""
        rng = self.rng
        for loop in self.loops:
            self._after(rng.uniform(0, 1), self._connect, loop, loop.life)
            self._after(rng.uniform(0, 3 if rng.random() < 0.2 else 0.5), self._go, loop, loop.life)
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
            self._after(rng.uniform(0, 12), self._wish, rng.choice(self.loops))
        if not self.calm:
            for _ in range(rng.choice((0, 1, 1, 2, 4))):
                self._after(rng.uniform(0, 20), self._break, rng.choice(self.loops))
            for _ in range(rng.choice((0, 0, 1))):
                self._after(rng.uniform(0, 20), self._restart)
            for _ in range(rng.choice((0, 0, 1))):
                self._after(rng.uniform(0, 20), self._die, rng.choice(self.loops))
            for _ in range(rng.choice((0, 0, 1, 2))):
                self._after(rng.uniform(0, 20), self._crash_soon)
        self._until(60.0)
        self.late = True
        for loop in self.loops:
            if loop.alive:
                self._cut(loop)
                self._connect(loop, loop.life)
        self._until(62.0)

    # -------------------------------------------------------------- the loops

    def _go(self, loop: Loop, life: int) -> None:
        """The training thread comes to the next item of its course."""
        if life != loop.life or not loop.alive or loop.ended or loop.hold is not None:
            return
        if loop.at >= len(self.course):
            self._end(loop)
            return
        others = [o.at for o in self.loops if o.alive and not o.ended]
        if loop.at > min(others) + self.lead:  # a collective waits for the slowest
            self._after(0.4, self._go, loop, life)
            return
        step = self.course[loop.at]
        if step is START:
            self._start(loop)
            self._next(loop)
            return
        passed = loop.agreement.gate(step, self.now)
        if isinstance(passed, worker.Hold):
            loop.hold = passed
            self.holds += 1
            assert passed.until == loop.proposed[max(loop.proposed)] + self.hold_s
            self._after(passed.until - self.now, self._expire, loop, life, passed)
        else:
            self._passed(loop, passed)

    def _next(self, loop: Loop) -> None:
        loop.at += 1
        self._after(self.rng.uniform(0.2, 1.0) * self.speed, self._go, loop, loop.life)

    def _passed(self, loop: Loop, passed: worker.Passed) -> None:
        if passed.nans and loop.saw_nans is None:
            loop.saw_nans = loop.at
        if passed.stop:
            loop.stopped = loop.at
            self._end(loop)
        else:
            self._next(loop)

    def _expire(self, loop: Loop, life: int, hold: worker.Hold) -> None:
        if life == loop.life and loop.hold is hold:
            loop.hold = None
            self._passed(loop, loop.agreement.expired(hold))

    def _end(self, loop: Loop) -> None:
        loop.ended = True
        self._after(self.rng.uniform(0, 2), self._send_up, loop, "done")

    def _wish(self, loop: Loop) -> None:
        if not loop.alive or loop.ended:
            return
        nans = self.rng.random() < 0.4
        stop = not nans or self.rng.random() < 0.4
        kind = "nan" if nans else "request"
        wish = loop.agreement.wish(stop=stop, nans=nans, kind=kind, text="because", step=0)
        if wish is not None:
            self._send_up(loop, wish)

    def _die(self, loop: Loop) -> None:
        if not loop.alive or loop.ended:
            return
        loop.alive, loop.hold = False, None
        loop.life += 1
        self._cut(loop)
        if self.rng.random() < 0.6:
            self._after(self.rng.uniform(0.5, 25), self._again, loop)

    def _again(self, loop: Loop) -> None:
        """A new incarnation, at the place of the slowest."""
        at = min((o.at for o in self.loops if o.alive and not o.ended), default=loop.at)
        fresh = Loop(loop.index, min(at, len(self.course) - 1), self.hold_s)
        fresh.incarnation, fresh.life = loop.incarnation + 1, loop.life
        fresh.connection, fresh.arrivals = loop.connection, loop.arrivals
        self.loops[loop.index] = fresh
        if self.rng.random() < 0.7:
            self._after(self.rng.uniform(0, 2), self._start, fresh)
        self._after(self.rng.uniform(2, 3), self._go, fresh, fresh.life)
        self._after(self.rng.uniform(0, 2), self._connect, fresh, fresh.life)

    def _start(self, loop: Loop) -> None:
        loop.began = self.now
        loop.proposed.clear()
        loop.agreement.training_started()
        self._send_up(loop, Answer(0, -1, loop.agreement.training))

    def _below(self, loop: Loop, connection: int, message: Propose | Outcome) -> None:
        """A worker's link thread takes a message and answers."""
        if connection != loop.connection or not loop.alive:
            return
        if isinstance(message, Propose):
            loop.proposed.setdefault(message.id, self.now)
            answer = loop.agreement.proposal(message.id, self.now)
        else:
            current = loop.agreement.training <= message.training
            if message.decided and current and message.id not in loop.received:
                loop.received[message.id] = (self.now, loop.agreement.last_gate)
            asked = message.request or Request(0, False, False, "", "")
            outcome = worker.Outcome(
                message.id, message.decided, message.step, asked.stop, asked.nans, message.training
            )
            answer = loop.agreement.outcome(outcome)
        self._send_up(loop, Answer(answer.id, answer.gate, answer.training, answer.outcome))
        hold = loop.hold
        if hold is not None and hold.passed is not None:
            loop.hold = None
            self._passed(loop, hold.passed)

    # -------------------------------------------------------------- the coordinator

    def _core(self) -> StopAgreement:
        return StopAgreement(T, lambda: {o.index for o in self.loops} - self.lost - self.done)

    def _above(self, loop: Loop, connection: int, message: object) -> None:
        if connection != loop.connection or not self.up:
            return
        core, p, now = self.core, loop.index, self.now
        if isinstance(message, Answer):
            if message.id and not message.outcome:
                self.answered.setdefault(message.id, {})[p] = loop.incarnation
            self._do(lambda: core.answered(p, message, now))
        elif isinstance(message, worker.Wish):
            w = message
            asked = Request(p, w.stop, w.nans, w.kind, w.text, w.step, w.training)
            self._do(lambda: core.requested(asked, now))
        elif message == "done":
            self.done.add(p)
            self._do(lambda: core.ended(p, now))
        else:
            assert isinstance(message, int)
            self._do(lambda: core.training(p, loop.incarnation, message, now))

    def _tick(self) -> None:
        if self.now == self._tick_at:
            self._tick_at = float("inf")
            if self.up:
                self._do(lambda: self.core.tick(self.now))

    def _do(self, event: Callable[[], Sequence[object]]) -> None:
        """One transaction: what happened is committed, then told; it may die between."""
        before = self.core.dump() if self.crash else ""
        actions = event()
        if self.crash:
            self.crash -= 1
            kept = before if self.rng.random() < 0.5 else self.core.dump()
            if kept != before:
                self._note(actions)
            self._restart(kept)
            return
        self._note(actions)
        for action in actions:
            if isinstance(action, Propose | Outcome):
                self._send_down(action.process, action)
        deadline = self.core.next_deadline()
        if deadline is not None and deadline < self._tick_at:
            self._tick_at = max(deadline, self.now)
            self._after(self._tick_at - self.now, self._tick)

    def _note(self, actions: Sequence[object]) -> None:
        for action in actions:
            if isinstance(action, Outcome) and action.decided:
                if action.id not in self.decided:
                    said = dict(self.answered.get(action.id, {}))
                    decided = Decided(self.now, action, self._training(), said)
                    self.decided[action.id] = decided
            elif isinstance(action, Split):
                self.splits.add((action.process, action.step))
            elif isinstance(action, Note):
                self.withdrawn += action.name == "stop_withdrawn"

    def _training(self) -> int | None:
        """Where in the course the training begins that all are in; None: they differ."""
        starts = {
            max(
                (i for i in range(min(o.at, len(self.course))) if self.course[i] is START),
                default=-1,
            )
            for o in self.loops
            if o.alive and not o.ended
        }
        return starts.pop() if len(starts) == 1 else None

    def _crash_soon(self) -> None:
        if self.up:
            self.crash += 1

    def _restart(self, kept: str | None = None) -> None:
        if not self.up:
            return
        kept = self.core.dump() if kept is None else kept
        self.up = False
        for loop in self.loops:
            if loop.connection % 2:
                loop.connection += 1
                self._after(self.rng.uniform(0.1, 3), self._connect, loop, loop.life)
        self._after(self.rng.uniform(0.1, 3), self._again_up, kept)

    def _again_up(self, kept: str) -> None:
        self.core = self._core()
        self.core.recall(kept)
        self.up = True
        for loop in self.loops:
            if not loop.connection % 2:
                self._after(12.0, self._lose, loop.index, loop.connection)

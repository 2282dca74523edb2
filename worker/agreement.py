"""One process's side of the stop agreement; pure.

The rules and why they are safe: `podlog.coordinator.core.stop`. Here a gate that
is called while a proposal is open is held, and what was decided comes true at
the first gate with a step at or beyond it.
"""

import dataclasses

from ..proto.stops import Answer, covered, covers

__all__ = ["Agreement", "Answer", "Hold", "Outcome", "Passed", "Wish"]


@dataclasses.dataclass(frozen=True, slots=True)
class Passed:
    """What a gate says: `nans` for ``found_nans``, `stop` for ``should_stop``."""

    nans: bool
    stop: bool


@dataclasses.dataclass(slots=True)
class Hold:
    """A gate that is held: until `passed` is there, or `until` (monotonic seconds)."""

    step: int
    until: float
    passed: Passed | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What this process asks for; see `StopRequest` in the .proto."""

    stop: bool
    nans: bool
    kind: str
    text: str
    step: int
    training: int


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a proposal; see `StopOutcome` in the .proto."""

    id: int
    decided: bool
    step: int = 0
    stop: bool = False
    nans: bool = False
    training: int = 0


@dataclasses.dataclass(slots=True)
class _Decision:
    """`gate` is the last one passed when it was heard of: what is answered, however often."""

    outcome: Outcome
    gate: int
    reached: bool = False


class Agreement:
    """Where this process's gates are, and what was agreed. Not thread-safe.

    `now` is monotonic seconds, as everywhere here.

    Args:
        timeout_s: ``timing.stop_timeout_s``: a gate is held no longer than this
            from the receipt of a proposal.

    Attributes:
        last_gate: the greatest step of a gate that was passed in this training; -1: none.
        training: how often a training was started.
    """

    def __init__(self, timeout_s: float) -> None:
        self.last_gate = -1
        self.training = 0
        self._timeout_s = timeout_s
        self._newest = 0
        self._until: float | None = None
        self._holds: list[Hold] = []
        self._decisions: dict[int, _Decision] = {}
        self._wishes: list[Wish] = []

    # ------------------------------------------------------- the training's side

    def gate(self, step: int, now: float) -> Passed | Hold:
        """A gate is called: passed, or held until the `Hold` says so.

        A gate at or below one that was passed already changes no answer and is
        never held.
        """
        if self._until is not None and step > self.last_gate:
            if now < self._until:
                hold = Hold(step, self._until)
                self._holds.append(hold)
                return hold
            self._until = None
        return self._pass(step)

    def expired(self, hold: Hold) -> Passed:
        """The hold's time is over, or nobody waits any more: its gate is passed as things stand."""
        if hold.passed is None:
            self._holds.remove(hold)
            hold.passed = self._pass(hold.step)
        return hold.passed

    def wish(self, *, stop: bool, nans: bool, kind: str, text: str, step: int) -> Wish | None:
        """Asks for a stop in this training; None if what was asked or decided covers it."""
        wish = Wish(stop, nans, kind, text, step, self.training)
        if self._decided(wish) or any(covers(w, wish) for w in self._wishes):
            return None
        self._wishes.append(wish)
        return wish

    def wishes(self) -> list[Wish]:
        """What was asked and is not decided: to be sent again at each connect."""
        return list(self._wishes)

    def training_started(self) -> None:
        """What was asked, proposed and decided was of the training before."""
        self.training += 1
        self._let_go()
        self._newest = 0
        self._decisions.clear()
        self._wishes.clear()
        self.last_gate = -1

    def unseen(self, step: int) -> int | None:
        """The stop step that a loop without gates went past to `step`; None: all is well."""
        if self.last_gate >= 0:
            return None
        steps = [d.outcome.step for d in self._decisions.values() if not d.reached]
        return next((s for s in steps if s < step), None)

    # ------------------------------------------------------ the coordinator's side

    def proposal(self, id: int, now: float) -> Answer:
        """Where are you? A newer one withdraws the one before: a gate held for that is passed."""
        if id > self._newest:
            self._let_go()
            self._newest = id
            self._until = now + self._timeout_s
        return Answer(id, self.last_gate, self.training)

    def outcome(self, outcome: Outcome) -> Answer:
        """A proposal was decided or withdrawn; one that came before is answered as then."""
        decision = self._decisions.get(outcome.id)
        if decision is None and outcome.decided and outcome.training >= self.training:
            decision = _Decision(outcome, self.last_gate, self.last_gate >= outcome.step)
            self._decisions[outcome.id] = decision
            self._wishes = [w for w in self._wishes if not self._decided(w)]
        if outcome.id >= self._newest:
            self._newest = outcome.id
            self._let_go()
        gate = self.last_gate if decision is None else decision.gate
        return Answer(outcome.id, gate, self.training, outcome=True)

    def _pass(self, step: int) -> Passed:
        self.last_gate = max(self.last_gate, step)
        nans = stop = False
        for decision in self._decisions.values():
            decision.reached |= step >= decision.outcome.step
            nans |= decision.reached and decision.outcome.nans
            stop |= decision.reached and decision.outcome.stop
        return Passed(nans, stop)

    def _let_go(self) -> None:
        """Every gate that is held is passed as things stand."""
        self._until = None
        holds, self._holds = self._holds, []
        for hold in holds:
            hold.passed = self._pass(hold.step)

    def _decided(self, wish: Wish) -> bool:
        return covered(wish, (d.outcome for d in self._decisions.values()))

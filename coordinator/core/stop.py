"""When all processes leave their loops: at one step, agreed beforehand.

::

    requested ──► proposed ──all answered, in time──► decided: step = greatest gate + 1
                   ▲    │
       back, done, │    └──one did not──► withdrawn
       lost, later └──────────────────────────┘

A *gate* is a call of ``should_stop`` or ``found_nans``; all processes of a
training come through the same gates in the same order. A process answers a
proposal with the greatest step of a gate that it has passed, and holds each
greater one until the outcome, a newer proposal, or `timeout_s` after it
received the proposal. What is decided comes true at the first gate with a step
at or beyond the decided one.

**Why there is one stop step.** Let a proposal be sent at s. It is decided only
before s + timeout/2, with the answers of all unfinished processes. If the
outcome takes less than timeout/2, it is received before s + timeout; the
proposal was received at or after s, so each hold lasts at least until then.
Thus no process passed a greater gate since it answered, the decided step is
beyond every gate passed so far, and the first gate at or beyond it is the same
for all and ahead of all. (The commit of a decision is part of the outcome's time.)

- *Steps that go back*: answers name the greatest gate, not the last one.
- *A newer proposal* withdraws the older one: the gate that is held for that is
  passed first and then named, so that no hold is ever prolonged. Answers to
  other ids never count; ids grow, and are kept before they are sent.
- *A process that connects again* is told what was decided, and is asked again
  if it has not answered; its hold goes on from the first receipt.
- *A new incarnation* has passed no gate: its answer of before is void, and it must answer.
- *Done, lost, gone*: neither asked nor counted. One that returns hears what was decided.
- *A coordinator after this one* knows the last id and what was decided, and
  proposes what is open under a new id.
- *A request that adds to a proposal* is proposed after that one's outcome.
- *Trainings*: nothing is decided while processes are in different ones (see
  `Trainings`); once a process enters the next, what was asked or decided before
  is dropped. An outcome names its receiver's count, which ignores it if it has gone on.
- *Slower messages*: a hold ends in time all the same. A process that finds itself
  past a decided step says so, however often the outcome is sent (`Split`).
"""

import dataclasses
import json
from collections.abc import Callable, Set
from typing import Any

from ...proto.stops import Answer
from .decisions import Decision, Decisions, what
from .stopmessages import Action, Note, Outcome, Propose, Request, Split, Stopped
from .trainings import Trainings

__all__ = [
    "Action",
    "Answer",
    "Note",
    "Outcome",
    "Propose",
    "Request",
    "Split",
    "StopAgreement",
    "Stopped",
]

_MOST_PAUSES = 16


@dataclasses.dataclass(slots=True)
class _Proposal:
    id: int
    request: Request
    sent: float
    asked: set[int]
    answers: dict[int, int] = dataclasses.field(default_factory=dict)
    void: bool = False


class StopAgreement:
    """The coordinator's side. Not thread-safe; the state thread owns it.

    Each event returns what is to be done. What `dump` gives is to be in the
    journal before any of it is carried out; a message to a process that is not
    connected is dropped. `now` is monotonic seconds.

    Args:
        timeout_s: ``timing.stop_timeout_s``.
        unfinished: asked for the processes that are neither done nor lost and
            have not said goodbye, those that have yet to join included: the
            members hear of an event before this does.
        first_id: ids of proposals are greater. Wall-clock milliseconds make
            them grow even where a journal was lost.
    """

    def __init__(
        self, timeout_s: float, unfinished: Callable[[], Set[int]], first_id: int = 0
    ) -> None:
        self._timeout = timeout_s
        self._unfinished = unfinished
        self._last_id = first_id
        self._trainings = Trainings()
        self._decisions = Decisions(self._trainings)
        self._connected: set[int] = set()
        self._proposal: _Proposal | None = None
        self._silent: set[int] = set()  # who did not answer the last proposal
        self._withdrawals = 0
        self._not_before = float("-inf")
        self._uneven: float | None = None  # since when trainings differ

    # -------------------------------------------------------------- events

    def requested(self, request: Request, now: float) -> list[Action]:
        """A process asks for a stop; nothing happens if that is asked or decided already."""
        actions = self._told(request.process, request.training)
        if self._decisions.ask(request):
            self._withdrawals, self._not_before, self._uneven = 0, now, None
            text = f"process {request.process} asks for {what(request)}: {request.text}"
            actions.append(Note("stop_requested", text, request.process))
        return actions + self._advance(now)

    def answered(self, process: int, answer: Answer, now: float) -> list[Action]:
        """A process answers a proposal or an outcome, or (id 0) says that its training began."""
        actions = self._told(process, answer.training)
        if answer.outcome:
            actions += self._heard(process, answer)
        elif self._proposal is not None and answer.id == self._proposal.id:
            self._proposal.answers[process] = answer.gate
        elif answer.id and process in self._silent:
            self._silent.clear()
        return actions + self._advance(now)

    def joined(self, process: int, incarnation: int, now: float) -> list[Action]:
        """A process's stream is open, for the first time or again: it is told what stands."""
        self._connected.add(process)
        fresh = self._trainings.joined(process, incarnation)
        if process in self._silent:
            self._silent.clear()
        actions: list[Action] = [*self._decisions.outcomes(process)]
        if self._proposal is not None:
            self._proposal.asked.discard(process)
            if fresh:
                self._proposal.answers.pop(process, None)
        elif self._decisions.open and not self._decisions.stands(self._last_id):
            actions.append(Outcome(process, self._last_id, decided=False))
        return actions + self._advance(now)

    def left(self, process: int, now: float) -> list[Action]:
        """A process's stream has ended."""
        self._connected.discard(process)
        return self._advance(now)

    def ended(self, process: int, now: float) -> list[Action]:
        """A process is done or lost, or said goodbye."""
        if process in self._silent:
            self._silent.clear()
        return self._advance(now)

    def training(self, process: int, incarnation: int, count: int, now: float) -> list[Action]:
        """How often a process has called ``on_training_start``, as its heartbeats say."""
        if not self._trainings.current(process, incarnation):
            return []
        return self._told(process, count) + self._advance(now)

    def tick(self, now: float) -> list[Action]:
        """What time alone changes."""
        return self._advance(now)

    def next_deadline(self) -> float | None:
        """When `tick` may have something to do; None: never."""
        if self._proposal is not None:
            return self._proposal.sent + self._timeout / 2
        if not self._can_ask():
            return None
        return self._not_before if self._uneven is None else self._uneven + self._timeout

    # -------------------------------------------------------------- answers

    @property
    def stopped(self) -> Stopped | None:
        """The decided stop that a success counts as; None: there is none, or it changes nothing."""
        return self._decisions.stopped

    @property
    def line(self) -> str:
        """How it stands, for people; "" if nobody asked for a stop."""
        return self._decisions.line

    def dump(self) -> str:
        """What a coordinator after this one must know, as JSON."""
        saved = {"last_id": self._last_id, "trainings": self._trainings.dump()}
        return json.dumps(saved | self._decisions.dump())

    def recall(self, text: str) -> None:
        """Goes on where a coordinator before this one was; `joined` tells each process."""
        saved: dict[str, Any] = json.loads(text)
        self._last_id = max(self._last_id, saved["last_id"])
        self._trainings.recall(saved["trainings"])
        self._decisions.recall(saved)

    # -------------------------------------------------------------- inside

    def _advance(self, now: float) -> list[Action]:
        """Decides, withdraws or proposes what is due."""
        actions: list[Action] = []
        if self._proposal is not None:
            actions += self._pursue(self._proposal, now)
        if self._proposal is None and self._can_ask() and self._is_time(now):
            actions += self._propose(now)
        return actions

    def _pursue(self, proposal: _Proposal, now: float) -> list[Action]:
        unfinished = self._unfinished()
        silent = unfinished - proposal.answers.keys()
        if proposal.void or not self._decisions.open:
            return self._withdraw(proposal, "another training began", now)
        if not unfinished:
            return self._withdraw(proposal, "no process is left", now)
        if now >= proposal.sent + self._timeout / 2:
            self._silent = set(silent)
            names = ", ".join(str(p) for p in sorted(silent))
            return self._withdraw(proposal, f"no answer in time from process {names}", now)
        if silent:
            new = sorted((silent & self._connected) - proposal.asked)
            proposal.asked.update(new)
            return [Propose(p, proposal.id, proposal.request) for p in new]
        if not self._trainings.even(unfinished):
            return self._withdraw(proposal, "not all processes are in the same training", now)
        return self._decide(proposal, unfinished, now)

    def _decide(self, proposal: _Proposal, unfinished: Set[int], now: float) -> list[Action]:
        step, request = max(proposal.answers.values()) + 1, proposal.request
        number = max(self._trainings.number(p) for p in unfinished)
        decision = Decision(proposal.id, step, request, number)
        self._decisions.decide(decision)
        self._proposal = None
        self._withdrawals, self._not_before = 0, now
        text = f"{what(request)} at step {step}: {request.text}"
        told = [self._decisions.outcome(decision, p) for p in sorted(self._connected)]
        return [Note("stop_decided", text, request.process), *told]

    def _withdraw(self, proposal: _Proposal, why: str, now: float) -> list[Action]:
        """Each further one makes the pause longer, so that holds never fill the time."""
        self._proposal = None
        self._not_before = now + min(self._withdrawals, _MOST_PAUSES) * self._timeout / 2
        self._withdrawals += 1
        text = f"{what(proposal.request)} not agreed: {why}"
        told = [Outcome(p, proposal.id, decided=False) for p in sorted(self._connected)]
        return [Note("stop_withdrawn", text, proposal.request.process), *told]

    def _can_ask(self) -> bool:
        """Whether something is open and all who must answer are there."""
        unfinished = self._unfinished()
        return (
            self._decisions.open
            and not self._silent
            and bool(unfinished)
            and unfinished <= self._connected
        )

    def _is_time(self, now: float) -> bool:
        """Whether the pause is over and all are in one training, or do not count alike."""
        unfinished = self._unfinished()
        even = self._trainings.even(unfinished)
        if not even and self._uneven is not None and now >= self._uneven + self._timeout:
            self._decisions.level(self._trainings.level(unfinished))
            self._uneven = None
            even = self._trainings.even(unfinished)
        if even:
            self._uneven = None
        elif self._uneven is None:
            self._uneven = now
        return even and now >= self._not_before

    def _propose(self, now: float) -> list[Action]:
        self._last_id += 1
        request = self._decisions.merged()
        asked = sorted(self._unfinished())
        self._proposal = _Proposal(self._last_id, request, now, set(asked))
        text = f"{what(request)} proposed to {len(asked)} processes: {request.text}"
        told = [Propose(p, self._last_id, request) for p in asked]
        return [Note("stop_proposed", text, request.process), *told]

    def _told(self, process: int, count: int) -> list[Action]:
        """A process tells its count of trainings; what still stands comes with the new one."""
        if not self._trainings.told(process, count):
            return []
        if self._proposal is not None and process in self._proposal.answers:
            self._proposal.void = True  # where it answered, it holds no more
        self._decisions.entered(process)
        return [*self._decisions.outcomes(process)]

    def _heard(self, process: int, answer: Answer) -> list[Action]:
        """A process says where it was when it first heard of a decision."""
        if process not in self._unfinished():
            return []
        decision = self._decisions.missed(process, answer.id, answer.gate)
        if decision is None:
            return []
        return [Split(process, decision.step, answer.gate)]

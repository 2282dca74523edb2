"""Which stops were asked for and which were decided, training by training; pure."""

import dataclasses
from typing import Any

from ...proto.records import STOP_COUNTS_AS
from ...proto.stops import covered, covers
from .stopmessages import Outcome, Request, Stopped
from .trainings import Trainings


@dataclasses.dataclass(slots=True)
class Decision:
    """What all processes do at the first gate with a step at or beyond `step`.

    Attributes:
        id: of the proposal.
        number: of the job's training, see `Trainings`.
        split: the processes that missed it.
    """

    id: int
    step: int
    request: Request
    number: int
    split: set[int] = dataclasses.field(default_factory=set)


class Decisions:
    """Requests that are open, and decisions. Not thread-safe.

    Args:
        trainings: which training each process is in.
    """

    def __init__(self, trainings: Trainings) -> None:
        self._trainings = trainings
        self._open: list[tuple[Request, int]] = []  # with the number of its training
        self._decided: list[Decision] = []

    @property
    def open(self) -> bool:
        """Whether something is asked for and not decided."""
        return bool(self._open)

    def ask(self, request: Request) -> bool:
        """Takes a request; False if it is of a training before, or asked or decided already."""
        process = request.process
        if request.training < self._trainings.count(process) or self._covered(request):
            return False
        self._open.append((request, self._trainings.number(process)))
        return True

    def merged(self) -> Request:
        """What is open and not decided, in the name of the first that asks for a stop."""
        requests = [request for request, _ in self._open]
        stop = any(r.stop for r in requests) and not any(d.request.stop for d in self._decided)
        nans = any(r.nans for r in requests) and not any(d.request.nans for d in self._decided)
        first = next((r for r in requests if r.stop >= stop and r.nans >= nans), None)
        first = first or next(r for r in requests if r.stop >= stop)
        return dataclasses.replace(first, stop=stop, nans=nans)

    def decide(self, decision: Decision) -> None:
        """All have answered; later requests stay open."""
        self._decided.append(decision)
        self._open = [(r, n) for r, n in self._open if not self._has(r)]

    def entered(self, process: int) -> None:
        """A process's training began: what was asked or decided before is dropped."""
        count, number = self._trainings.count(process), self._trainings.number(process)
        self._open = [
            (r, n)
            for r, n in self._open
            if n >= number and (r.process != process or r.training >= count)
        ]
        self._decided = [d for d in self._decided if d.number >= number]

    def stands(self, id: int) -> bool:
        """Whether the proposal `id` was decided, and still counts."""
        return any(decision.id == id for decision in self._decided)

    def level(self, number: int) -> None:
        """What is open is about the training with this number."""
        self._open = [(request, max(n, number)) for request, n in self._open]

    def outcomes(self, process: int) -> list[Outcome]:
        """What a process that is there again is to be told."""
        return [self.outcome(decision, process) for decision in self._decided]

    def outcome(self, decision: Decision, process: int) -> Outcome:
        """One decision, as `process` is told."""
        count = self._trainings.count(process)
        return Outcome(process, decision.id, True, decision.step, decision.request, count)

    def missed(self, process: int, id: int, gate: int) -> Decision | None:
        """The decision of which a process heard too late, at `gate`; told once."""
        for decision in self._decided:
            if decision.id == id and gate >= decision.step and process not in decision.split:
                decision.split.add(process)
                return decision
        return None

    @property
    def stopped(self) -> Stopped | None:
        """The decided stop that a success counts as; None: there is none, or it changes nothing."""
        for decision in self._decided:
            request = decision.request
            if request.stop and request.kind in STOP_COUNTS_AS:
                status = STOP_COUNTS_AS[request.kind]
                return Stopped(status, request.process, request.text, decision.step)
        return None

    @property
    def line(self) -> str:
        """How it stands, for people; "" if nobody asked for a stop."""
        if self._open:
            request = self.merged()
            return f"{what(request)}, step not agreed yet: {request.text}"
        if self._decided:
            last = self._decided[-1]
            return f"{what(last.request)} at step {last.step}: {last.request.text}"
        return ""

    def dump(self) -> dict[str, Any]:
        """For `recall`."""
        return {
            "open": [[dataclasses.asdict(request), number] for request, number in self._open],
            "decided": [dataclasses.asdict(d) | {"split": sorted(d.split)} for d in self._decided],
        }

    def recall(self, saved: dict[str, Any]) -> None:
        """Goes on from what `dump` gave."""
        self._open = [(Request(**request), number) for request, number in saved["open"]]
        self._decided = [
            Decision(**d | {"request": Request(**d["request"]), "split": set(d["split"])})
            for d in saved["decided"]
        ]

    def _covered(self, request: Request) -> bool:
        """Whether what is open or decided holds all that is asked for."""
        return self._has(request) or any(covers(r, request) for r, _ in self._open)

    def _has(self, request: Request) -> bool:
        return covered(request, (d.request for d in self._decided))


def what(request: Request) -> str:
    """What a request is about, in a word or three."""
    if request.stop:
        return "stop and found_nans" if request.nans else "stop"
    return "found_nans"

"""The stop agreement in every order of its few messages, without time."""

import pickle
from collections import deque
from collections.abc import Iterator

import pytest

from podlog.coordinator.core.stop import Answer, Outcome, Propose, Request, StopAgreement
from podlog.worker import agreement as worker


class Scene:
    """Processes, gates and messages in order on each stream; `moves` are what may come next."""

    def __init__(
        self, processes: int, gates: int, *, requests: int, breaks: int, start: bool
    ) -> None:
        self.gates = gates
        self.core = StopAgreement(10.0, frozenset(range(processes)).copy)
        self.workers = [worker.Agreement(10.0) for _ in range(processes)]
        self.up: list[deque[Answer | Request]] = [deque() for _ in range(processes)]
        self.down: list[deque[Propose | Outcome]] = [deque() for _ in range(processes)]
        self.at = [-1 if start else 0] * processes
        self.holds: list[worker.Hold | None] = [None] * processes
        self.seen: list[int | None] = [None] * processes
        self.breaks = breaks
        for process in range(processes):
            self._tell(self.core.joined(process, process + 1, 0.0))
        asked = [Request(0, True, False, "request", "x"), Request(1, False, True, "nan", "y")]
        for request in asked[:requests]:
            training = 1 if start else 0
            self.up[request.process].append(
                Request(request.process, request.stop, request.nans, "request", "x", 0, training)
            )
        if start:
            for process in range(processes):
                self.up[process].appendleft(Answer(0, -1, 1))
                self.workers[process].training_started()

    def moves(self) -> Iterator[tuple[str, int]]:
        for process in range(len(self.workers)):
            if self.up[process]:
                yield "up", process
            if self.down[process]:
                yield "down", process
            loops = self.seen[process] is None and self.at[process] < self.gates
            if loops and self.holds[process] is None:
                yield "gate", process
            if self.breaks:
                yield "break", process

    def move(self, what: str, process: int) -> None:
        getattr(self, f"_{what}")(process)

    def _up(self, process: int) -> None:
        message = self.up[process].popleft()
        if isinstance(message, Request):
            self._tell(self.core.requested(message, 0.0))
        else:
            self._tell(self.core.answered(process, message, 0.0))

    def _down(self, process: int) -> None:
        message, mine = self.down[process].popleft(), self.workers[process]
        if isinstance(message, Propose):
            answer = mine.proposal(message.id, 0.0)
        else:
            asked = message.request or Request(0, False, False, "", "")
            answer = mine.outcome(
                worker.Outcome(
                    message.id,
                    message.decided,
                    message.step,
                    asked.stop,
                    asked.nans,
                    message.training,
                )
            )
        self.up[process].append(Answer(answer.id, answer.gate, answer.training, answer.outcome))
        hold = self.holds[process]
        if hold is not None and hold.passed is not None:
            self.holds[process] = None
            self._passed(process, hold.passed)

    def _gate(self, process: int) -> None:
        passed = self.workers[process].gate(self.at[process], 0.0)
        if isinstance(passed, worker.Hold):
            self.holds[process] = passed
        else:
            self._passed(process, passed)

    def _passed(self, process: int, passed: worker.Passed) -> None:
        if passed.stop:
            self.seen[process] = self.at[process]
        else:
            self.at[process] += 1

    def _break(self, process: int) -> None:
        """The stream breaks and is there again: what was on its way is lost, wishes come again."""
        self.breaks -= 1
        wishes = [m for m in self.up[process] if isinstance(m, Request)]
        self.up[process] = deque([Answer(0, -1, self.workers[process].training), *wishes])
        self.down[process].clear()
        self._tell(self.core.left(process, 0.0))
        self._tell(self.core.joined(process, process + 1, 0.0))

    def _tell(self, actions: list[object]) -> None:
        for action in actions:
            if isinstance(action, Propose | Outcome):
                self.down[action.process].append(action)

    def key(self) -> str:
        core, mine = vars(self.core), [vars(w).values() for w in self.workers]
        asked = [core["_proposal"], core["_silent"], self.core.dump()]
        return repr([asked, mine, self.up, self.down, self.at, self.seen, self.breaks])


@pytest.mark.parametrize(
    ("processes", "gates", "requests", "breaks", "start"),
    [
        (2, 3, 1, 0, False),
        (2, 1, 2, 0, False),
        (2, 1, 1, 1, False),
        (2, 2, 1, 0, True),
        (3, 1, 1, 0, False),
    ],
)
def test_every_order_ends_with_one_stop_step(
    processes: int, gates: int, requests: int, breaks: int, start: bool
) -> None:
    """Whatever comes first: all leave at one gate, or at none, and nobody stays in a hold."""
    first = Scene(processes, gates, requests=requests, breaks=breaks, start=start)
    seen, todo, ends = {first.key()}, [pickle.dumps(first)], set()
    while todo:
        kept = todo.pop()
        scene = pickle.loads(kept)
        moves = list(scene.moves())
        if not moves:
            assert scene.holds == [None] * processes
            ends.add(tuple(scene.seen))
        for move in moves:
            after = pickle.loads(kept)
            after.move(*move)
            key = after.key()
            if key not in seen:
                seen.add(key)
                todo.append(pickle.dumps(after))
    assert all(len(set(end)) == 1 for end in ends)
    assert len(ends) > 1, "it was only seen to end in one way"
    assert len(seen) > 400

"""The coordinator's side of the stop agreement, event by event."""

import itertools
import json

import pytest

from podlog.coordinator.core.stop import (
    Action,
    Answer,
    Note,
    Outcome,
    Propose,
    Request,
    Split,
    StopAgreement,
)

STOP = Request(0, True, False, "request", "enough")
NANS = Request(1, False, True, "nan", "'loss' is nan at step 7")
BOTH = Request(1, True, True, "nan", "'loss' is nan at step 7")


class Job:
    """A coordinator's agreement, and the processes that are neither done nor lost."""

    def __init__(self, processes: int = 3, kept: str | None = None) -> None:
        self.unfinished = set(range(processes))
        self.core = StopAgreement(10.0, lambda: self.unfinished)
        if kept is not None:
            self.core.recall(kept)

    def join(self, *processes: int, now: float = 0.0, life: int = 1) -> list[Action]:
        return [a for p in processes for a in self.core.joined(p, 10 * life + p, now)]

    def answer(self, id: int, *gates: int, now: float = 0.0) -> list[Action]:
        actions: list[Action] = []
        for process, gate in enumerate(gates):
            actions += self.core.answered(process, Answer(id, gate, 0), now)
        return actions

    def end(self, process: int, now: float = 0.0) -> list[Action]:
        self.unfinished.discard(process)
        return self.core.ended(process, now)


def _job(processes: int = 3) -> Job:
    job = Job(processes)
    job.join(*range(processes))
    return job


def _notes(actions: list[Action]) -> list[str]:
    return [a.name for a in actions if isinstance(a, Note)]


def _asked(actions: list[Action]) -> list[tuple[int, int]]:
    return [(a.process, a.id) for a in actions if isinstance(a, Propose)]


def _told(actions: list[Action]) -> list[tuple[int, int, bool, int]]:
    return [(a.process, a.id, a.decided, a.step) for a in actions if isinstance(a, Outcome)]


def test_a_request_is_proposed_to_all_and_decided_beyond_the_greatest_gate() -> None:
    """Every event is told in its order: requested, proposed, decided."""
    job = _job()
    actions = job.core.requested(STOP, 1.0)
    assert _notes(actions) == ["stop_requested", "stop_proposed"]
    assert _asked(actions) == [(0, 1), (1, 1), (2, 1)]
    assert job.core.line == "stop, step not agreed yet: enough"
    assert job.answer(1, 7, 9) == []
    actions = job.core.answered(2, Answer(1, -1, 0), 2.0)
    assert _notes(actions) == ["stop_decided"]
    assert _told(actions) == [(p, 1, True, 10) for p in range(3)]
    assert job.core.line == "stop at step 10: enough"
    assert job.core.next_deadline() is None


def test_it_is_decided_in_less_than_half_of_the_timeout_or_withdrawn() -> None:
    """The answer that comes late decides nothing; all are asked again under a new id."""
    job = _job()
    job.core.requested(STOP, 0.0)
    job.answer(1, 7, 9, now=4.0)
    assert job.core.next_deadline() == 5.0
    actions = job.core.tick(5.0)
    assert _notes(actions) == ["stop_withdrawn"]
    assert _told(actions) == [(p, 1, False, 0) for p in range(3)]
    assert job.core.next_deadline() is None  # process 2 is waited for
    actions = job.core.answered(2, Answer(1, 8, 0), 6.0)
    assert _asked(actions) == [(0, 2), (1, 2), (2, 2)]
    assert job.answer(1, 7, 9, 9) == []
    assert _told(job.answer(2, 9, 9, 9, now=7.0))[0] == (0, 2, True, 10)


def test_withdrawals_leave_more_and_more_time_between_holds() -> None:
    """A process that always answers late does not keep the others in holds."""
    job = _job(2)
    job.core.requested(STOP, 0.0)
    asked, now = [0.0], 0.0
    for id in range(1, 6):
        job.core.answered(0, Answer(id, id, 0), now + 0.1)
        assert _notes(job.core.tick(now + 5.0)) == ["stop_withdrawn"]
        again = job.core.answered(1, Answer(id, id, 0), now + 6.0)
        due = job.core.next_deadline()
        assert due is not None
        now = now + 6.0 if _asked(again) else due
        assert again or _asked(job.core.tick(now))
        asked.append(now)
    waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert waits == sorted(waits)
    assert waits[0] == 6.0
    assert waits[-1] == 25.0


@pytest.mark.parametrize("ending", ["lost", "back"])
def test_one_that_is_away_is_waited_for_without_a_hold(ending: str) -> None:
    """Nobody is asked before all can answer; a lost process need not."""
    job = _job()
    job.core.left(2, 0.0)
    assert _asked(job.core.requested(STOP, 1.0)) == []
    assert job.core.next_deadline() is None
    actions = job.end(2, 30.0) if ending == "lost" else job.join(2, now=30.0)
    assert _asked(actions) == [(p, 1) for p in sorted(job.unfinished)]


def test_one_that_never_joined_is_unfinished() -> None:
    """It must answer once it is there: it may have passed no gate, and the others did."""
    job = Job()
    job.join(0, 1)
    assert _asked(job.core.requested(STOP, 0.0)) == []
    assert _asked(job.join(2, now=3.0)) == [(0, 1), (1, 1), (2, 1)]
    assert _told(job.answer(1, 5, 4, -1, now=3.5))[0][3] == 6


def test_a_stream_that_breaks_in_a_proposal_is_asked_again_and_keeps_its_answer() -> None:
    """Who answered need not again; a new incarnation must."""
    job = _job()
    job.core.requested(STOP, 0.0)
    job.answer(1, 7, 7)
    job.core.left(1, 1.0)
    job.core.left(2, 1.0)
    assert _asked(job.join(1, now=2.0)) == []
    assert _asked(job.join(2, now=2.0)) == [(2, 1)]
    job.core.left(1, 2.0)
    assert _asked(job.join(1, now=2.5, life=2)) == [(1, 1)]
    assert job.core.answered(2, Answer(1, 7, 0), 3.0) == []
    assert _told(job.core.answered(1, Answer(1, -1, 0), 3.0))[0] == (0, 1, True, 8)


def test_a_process_that_is_done_meanwhile_is_not_counted() -> None:
    """Its end is as good as an answer, and it does not miss the step."""
    job = _job()
    job.core.requested(STOP, 0.0)
    job.answer(1, 7, 7)
    assert _told(job.end(2, 1.0)) == [(p, 1, True, 8) for p in range(3)]
    assert job.core.answered(2, Answer(1, 99, 0, outcome=True), 2.0) == []


def test_what_is_decided_is_told_to_whoever_joins() -> None:
    """Also to a process that was lost; one past the step is named, once."""
    job = _job()
    job.end(2)
    job.core.requested(STOP, 0.0)
    job.answer(1, 7, 7)
    job.unfinished.add(2)
    assert _told(job.join(2, now=40.0)) == [(2, 1, True, 8)]
    late = Answer(1, 11, 0, outcome=True)
    assert job.core.answered(2, late, 40.1) == [Split(2, 8, 11)]
    assert job.core.answered(2, late, 41.0) == []
    assert job.core.answered(0, Answer(1, 7, 0, outcome=True), 41.0) == []


def test_a_second_request_adds_only_what_it_adds() -> None:
    """found_nans first, then stop: two decisions; what is covered is not proposed."""
    job = _job()
    job.core.requested(NANS, 0.0)
    assert job.core.requested(_changed(NANS, process=2), 0.0) == []
    assert _notes(job.core.requested(BOTH, 0.1)) == ["stop_requested"]
    actions = job.answer(1, 7, 7, 7)
    assert _notes(actions) == ["stop_decided", "stop_proposed"]
    proposed = next(a.request for a in actions if isinstance(a, Propose))
    assert (proposed.stop, proposed.nans, proposed.kind) == (True, False, "nan")
    assert job.core.stopped is None
    assert _told(job.answer(2, 8, 8, 8))[0] == (0, 2, True, 9)
    assert job.core.stopped is not None
    assert job.core.stopped.status == "nan"
    assert job.core.requested(STOP, 1.0) == []


@pytest.mark.parametrize(
    ("kind", "counts_as"),
    [("nan", "nan"), ("inf", "nan"), ("preempted", "preempted"), ("request", None)],
)
def test_what_a_success_counts_as(kind: str, counts_as: str | None) -> None:
    """A stop for NaN, infinity or preemption shows in the verdict."""
    job = _job()
    job.core.requested(_changed(STOP, kind=kind), 0.0)
    job.answer(1, 1, 1, 1)
    stopped = job.core.stopped
    assert (None if stopped is None else (stopped.status, stopped.step)) == (
        None if counts_as is None else (counts_as, 2)
    )


def test_the_next_training_drops_what_was_asked_and_decided() -> None:
    """Once one process is in it; the others' counts rise without an effect of their own."""
    job = _job()
    job.core.requested(STOP, 0.0)
    job.answer(1, 7, 7, 7)
    for process in range(3):
        job.core.training(process, 10 + process, 1, 1.0)
    assert job.core.line == ""
    assert job.core.stopped is None
    assert job.join(1, now=2.0) == []
    assert job.core.requested(STOP, 2.0) == []  # of the training before
    assert _asked(job.core.requested(_changed(STOP, training=1), 2.0)) != []


def test_nothing_is_decided_while_trainings_differ() -> None:
    """One is a step ahead at the training's start: asked when all are in it."""
    job = _job()
    job.core.answered(0, Answer(0, -1, 1), 0.0)
    first = _changed(STOP, training=1)
    assert _asked(job.core.requested(first, 0.0)) == []
    job.core.answered(1, Answer(0, -1, 1), 1.0)
    assert _asked(job.core.answered(2, Answer(0, -1, 1), 1.5)) == [(0, 1), (1, 1), (2, 1)]


def test_an_answer_of_the_training_before_is_void() -> None:
    """Where it was given no gate is held any more: all are asked anew."""
    job = _job(2)
    job.core.requested(STOP, 0.0)
    job.core.requested(_changed(NANS, training=1), 0.0)
    job.core.answered(0, Answer(1, 5, 0), 0.1)
    actions = job.core.answered(0, Answer(0, -1, 1), 0.2)
    assert _told(actions) == [(0, 1, False, 0), (1, 1, False, 0)]
    assert _asked(actions) == [(0, 2), (1, 2)]


def test_processes_that_never_start_a_training_are_not_waited_for_long() -> None:
    """Only process 0 calls on_training_start: after the timeout that is taken as it is."""
    job = _job()
    job.core.answered(0, Answer(0, -1, 1), 0.0)
    assert _asked(job.core.requested(_changed(STOP, process=2), 0.0)) == []
    assert job.core.next_deadline() == 10.0
    assert _asked(job.core.tick(10.0)) == [(0, 1), (1, 1), (2, 1)]
    job.core.answered(0, Answer(1, 7, 1), 10.1)
    job.core.answered(1, Answer(1, 7, 0), 10.1)
    told = job.core.answered(2, Answer(1, 7, 0), 10.1)
    assert [a.training for a in told if isinstance(a, Outcome)] == [1, 0, 0]


def test_a_new_incarnation_hears_again_when_its_training_begins() -> None:
    """It drops what it heard before; the decision stands for the others' training."""
    job = _job()
    for process in range(3):
        job.core.answered(process, Answer(0, -1, 1), 0.0)
    job.core.requested(_changed(STOP, training=1), 0.0)
    for process in range(3):
        job.core.answered(process, Answer(1, 7, 1), 0.1)
    job.join(2, now=5.0, life=2)
    (again,) = job.core.answered(2, Answer(0, -1, 1), 6.0)
    assert again == Outcome(2, 1, True, 8, _changed(STOP, training=1), training=1)


def test_a_coordinator_after_this_one_goes_on() -> None:
    """Decisions are told again, open requests proposed under a new id."""
    job = _job()
    job.core.requested(NANS, 0.0)
    job.answer(1, 7, 7, 7)
    job.core.requested(STOP, 1.0)
    job.core.answered(0, Answer(2, 8, 0), 1.1)
    after = Job(kept=job.core.dump())
    assert json.loads(after.core.dump()) == json.loads(job.core.dump())
    told = after.join(0, 1, now=2.0)
    assert _told(told) == [(0, 1, True, 8), (0, 2, False, 0), (1, 1, True, 8), (1, 2, False, 0)]
    assert _asked(told) == []
    assert _asked(after.join(2, now=3.0)) == [(0, 3), (1, 3), (2, 3)]


def test_a_coordinator_without_the_journal_goes_on_with_greater_ids() -> None:
    """Wall-clock milliseconds as the first id."""
    core = StopAgreement(10.0, lambda: {0}, first_id=1_700_000_000_000)
    core.joined(0, 1, 0.0)
    assert _asked(core.requested(STOP, 0.0)) == [(0, 1_700_000_000_001)]


def test_with_nobody_left_nothing_is_asked() -> None:
    """And nothing is due."""
    job = _job(1)
    job.core.requested(STOP, 0.0)
    assert _notes(job.end(0, 1.0)) == ["stop_withdrawn"]
    assert job.core.next_deadline() is None


def _changed(request: Request, **changes: object) -> Request:
    values = {name: getattr(request, name) for name in Request.__dataclass_fields__}
    return Request(**(values | changes))

"""One process's side of the stop agreement, event by event."""

from podlog.worker.agreement import Agreement, Answer, Hold, Outcome, Passed

GO, STOP, NANS = Passed(False, False), Passed(False, True), Passed(True, False)


def _at(gate: int) -> Agreement:
    agreement = Agreement(10.0)
    for step in range(gate + 1):
        assert agreement.gate(step, 0.0) == GO
    return agreement


def _held(agreement: Agreement, step: int, now: float) -> Hold:
    hold = agreement.gate(step, now)
    assert isinstance(hold, Hold)
    return hold


def test_without_a_proposal_every_gate_is_passed() -> None:
    """The greatest one counts, also where steps go back."""
    agreement = _at(7)
    assert agreement.gate(3, 0.0) == GO
    assert agreement.proposal(1, 1.0) == Answer(1, 7, 0)


def test_a_greater_gate_is_held_until_the_outcome() -> None:
    """What is decided comes true there if the step is not beyond it."""
    agreement = _at(7)
    agreement.proposal(1, 1.0)
    hold = _held(agreement, 8, 2.0)
    assert hold.until == 11.0
    answer = agreement.outcome(Outcome(1, True, 8, stop=True))
    assert answer == Answer(1, 7, 0, outcome=True)
    assert hold.passed == STOP
    assert agreement.gate(9, 3.0) == STOP


def test_a_decided_step_that_is_not_reached_changes_nothing_yet() -> None:
    """found_nans and should_stop, both asked at one step, turn true at the same one."""
    agreement = _at(7)
    agreement.outcome(Outcome(1, True, 9, stop=True, nans=True))
    assert agreement.gate(8, 0.0) == GO
    assert agreement.gate(8, 0.0) == GO
    assert agreement.gate(9, 0.0) == Passed(True, True)
    assert agreement.gate(9, 0.0) == Passed(True, True)


def test_a_gate_that_changes_no_answer_is_not_held() -> None:
    """The second gate of a step, or one further back."""
    agreement = _at(7)
    agreement.proposal(1, 1.0)
    assert agreement.gate(7, 1.0) == GO
    assert agreement.gate(2, 1.0) == GO


def test_a_hold_ends_with_its_time() -> None:
    """From the receipt of the proposal; the next gate is not held for the same one."""
    agreement = _at(7)
    agreement.proposal(1, 1.0)
    hold = _held(agreement, 8, 2.0)
    assert agreement.expired(hold) == GO
    assert agreement.gate(9, 11.0) == GO
    assert agreement.last_gate == 9


def test_a_newer_proposal_lets_the_gate_pass_first() -> None:
    """And the answer names it: a hold is never prolonged."""
    agreement = _at(7)
    agreement.proposal(1, 1.0)
    hold = _held(agreement, 8, 2.0)
    assert agreement.proposal(2, 4.0) == Answer(2, 8, 0)
    assert hold.passed == GO
    assert _held(agreement, 9, 5.0).until == 14.0


def test_the_same_proposal_again_is_answered_again_and_holds_no_longer() -> None:
    """A connection that broke brings it twice; an older one holds nothing."""
    agreement = _at(7)
    agreement.proposal(2, 1.0)
    assert agreement.proposal(2, 6.0) == Answer(2, 7, 0)
    assert agreement.proposal(1, 6.0) == Answer(1, 7, 0)
    assert _held(agreement, 8, 7.0).until == 11.0


def test_an_older_outcome_does_not_end_a_newer_hold() -> None:
    """It may come again with each connect."""
    agreement = _at(7)
    agreement.outcome(Outcome(1, True, 20, stop=True))
    agreement.proposal(2, 1.0)
    hold = _held(agreement, 8, 2.0)
    agreement.outcome(Outcome(1, True, 20, stop=True))
    agreement.outcome(Outcome(1, False))
    assert hold.passed is None
    agreement.outcome(Outcome(2, False))
    assert hold.passed == GO


def test_who_is_past_the_step_stops_at_its_next_gate_and_says_so() -> None:
    """However often the outcome comes, it says where it was when it first heard."""
    agreement = _at(7)
    late = Outcome(1, True, 5, stop=True)
    assert agreement.outcome(late) == Answer(1, 7, 0, outcome=True)
    assert agreement.gate(8, 0.0) == STOP
    assert agreement.outcome(late) == Answer(1, 7, 0, outcome=True)


def test_one_in_its_course_is_no_split_however_often_it_hears() -> None:
    """It stopped where it should, and then hears of it again."""
    agreement = _at(7)
    agreement.outcome(Outcome(1, True, 8, stop=True))
    assert agreement.gate(8, 0.0) == STOP
    assert agreement.outcome(Outcome(1, True, 8, stop=True)).gate == 7


def test_a_new_training_drops_everything() -> None:
    """What comes late for the one before is ignored; what is told with the new count counts."""
    agreement = _at(7)
    agreement.wish(stop=True, nans=False, kind="request", text="x", step=7)
    agreement.proposal(1, 1.0)
    hold = _held(agreement, 8, 2.0)
    agreement.training_started()
    assert hold.passed == GO
    assert agreement.wishes() == []
    assert agreement.outcome(Outcome(1, True, 3, stop=True, training=0)).training == 1
    assert agreement.gate(5, 3.0) == GO
    assert agreement.outcome(Outcome(1, True, 9, nans=True, training=1)).gate == 5
    assert agreement.gate(9, 3.0) == NANS


def test_a_proposal_that_comes_again_in_a_new_training_holds_again() -> None:
    """Its answer would be believed."""
    agreement = _at(7)
    agreement.proposal(1, 1.0)
    agreement.training_started()
    assert agreement.gate(0, 2.0) == GO
    assert agreement.proposal(1, 3.0) == Answer(1, 0, 1)
    assert _held(agreement, 1, 4.0).until == 13.0


def test_what_is_asked_for_is_asked_once_and_until_it_is_decided() -> None:
    """What an earlier wish or a decision covers is not asked for again."""
    agreement = _at(7)
    nans = agreement.wish(stop=False, nans=True, kind="nan", text="x", step=7)
    assert nans is not None
    assert agreement.wish(stop=False, nans=True, kind="nan", text="y", step=8) is None
    both = agreement.wish(stop=True, nans=True, kind="nan", text="z", step=8)
    assert agreement.wishes() == [nans, both]
    agreement.outcome(Outcome(1, True, 9, nans=True))
    assert agreement.wishes() == [both]
    agreement.outcome(Outcome(2, True, 9, stop=True))
    assert agreement.wishes() == []
    assert agreement.wish(stop=True, nans=False, kind="request", text="x", step=8) is None


def test_a_loop_without_gates_is_known() -> None:
    """Only once it is past the step, and only if it has no gate at all."""
    agreement = Agreement(10.0)
    agreement.outcome(Outcome(1, True, 5, stop=True))
    assert agreement.unseen(5) is None
    assert agreement.unseen(6) == 5
    agreement.gate(2, 0.0)
    assert agreement.unseen(6) is None

"""What a heartbeat says of the training thread, told with a manual clock."""

import pytest
from kit_phases import At

from podlog.worker.phases import FETCH
from podlog.worker.silence import COMPILE, OURS


@pytest.fixture
def at() -> At:
    return At()


def test_steps(at: At) -> None:
    """The longest wait of the mode is learned; what runs is idle time."""
    at.enter("train")
    for step, after in enumerate([1.0, 3.0, 2.0], start=1):
        at.step(step, after)

    beat = at.beat(after=4.0)
    assert (beat.step, beat.steps, beat.mode, beat.phase) == (3, 3, "train", "")
    assert (beat.idle_s, beat.longest_s, beat.quiet, beat.last) == (4.0, 3.0, False, "log_step")
    assert beat.phase_s == {"": 10.0}, "with what runs"


def test_nothing_known(at: At) -> None:
    """Before the first wait of a mode has ended there is nothing to compare with."""
    assert at.beat(after=50).quiet, "outside every mode"
    at.enter("train", after=50)
    beat = at.beat(after=60)
    assert (beat.idle_s, beat.longest_s, beat.quiet) == (60.0, 0.0, False)


def test_step_time(at: At) -> None:
    """The last logged step time stays; a logging step counts as a step."""
    at.enter("train")
    at.phases.logged(10, 0.5, at.now)
    at.phases.logged(10, None, at.now)
    assert (at.beat().step_s, at.beat().steps, at.beat().step) == (0.5, 2, 10)


def test_phases(at: At) -> None:
    """Each named phase has its own longest wait; time belongs to the innermost."""
    at.enter("train")
    at.step(1, 1.0)
    with at.phases.within("data", "phase"):
        at.now += 5.0
        with at.phases.within("decode", "phase"):
            assert at.beat(after=7.0).phase == "decode"
        beat = at.beat(after=2.0)
        assert (beat.phase, beat.longest_s, beat.idle_s) == ("data", 5.0, 2.0)
    beat = at.beat()
    assert (beat.phase, beat.longest_s, beat.last) == ("", 1.0, "phase")
    assert beat.phase_s == {"": 1.0, "data": 7.0, "decode": 7.0}


def test_phase_left_by_an_error(at: At) -> None:
    """An exception leaves the phase, however deep."""
    with pytest.raises(RuntimeError), at.phases.within("a"), at.phases.within("b"):
        raise RuntimeError("boom")
    assert at.beat().phase == ""


def test_phases_that_cross(at: At) -> None:
    """A phase left out of order, as from two generators, is the one that goes."""
    outer, inner = at.phases.within("outer"), at.phases.within("inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert at.beat().phase == "inner"
    inner.__exit__(None, None, None)
    assert at.beat().phase == ""


def test_compile(at: At) -> None:
    """A compile of 20 minutes is quiet, and no wait of its phase is learned from it."""
    at.enter("train")
    at.step(1, 1.0)
    at.now += 2.0
    at.phases.compile_began(at.me, at.now)
    beat = at.beat(after=1200.0)
    assert (beat.phase, beat.quiet, beat.idle_s) == (COMPILE, True, 1200.0)
    at.phases.compile_ended(at.me, at.now)
    beat = at.beat(after=3.0)
    assert (beat.phase, beat.quiet, beat.idle_s, beat.longest_s) == ("", False, 3.0, 1.0)
    at.step(2, 4.0)
    assert at.beat().longest_s == 1.0, "the wait was a compile's"
    assert at.beat().phase_s == {"": 10.0, COMPILE: 1200.0}
    at.step(3, 6.0)
    assert at.beat().longest_s == 6.0, "the next is one again"


def test_compile_of_another_thread(at: At) -> None:
    """What another thread compiles does not keep the training thread busy."""
    at.enter("train")
    at.phases.compile_began(at.me + 1, at.now)
    assert not at.beat().quiet
    at.phases.compile_ended(at.me + 1, at.now)
    at.step(1, 2.0)
    assert at.beat().longest_s == 2.0


def test_compile_without_an_end(at: At) -> None:
    """A call of the Logger ends a compile of which the end was not told."""
    at.enter("train")
    at.phases.compile_began(at.me, at.now)
    at.step(1, 5.0)
    assert (at.beat().quiet, at.beat().phase, at.beat().longest_s) == (False, "", 0.0)
    at.step(2, 1.0)
    assert at.beat().longest_s == 1.0


def test_between_modes(at: At) -> None:
    """The time from the end of a mode to the start of the next is nobody's."""
    at.enter("train")
    at.step(1, 1.0)
    at.leave("default", outside=True, after=1.0)
    beat = at.beat(after=500.0)
    assert (beat.quiet, beat.mode) == (True, "default")
    at.enter("eval", after=500.0)
    at.step(2, 3.0)
    assert (at.beat().longest_s, at.beat().phase_s) == (3.0, {"": 5.0})
    at.leave("default", outside=True)
    at.enter("train")
    assert at.beat().longest_s == 1.0, "each mode has its own"


def test_nested_mode(at: At) -> None:
    """From an inner mode it comes back to the outer one and what is known of it."""
    at.enter("train")
    at.step(1, 2.0)
    at.enter("eval", after=1.0)
    at.step(1, 9.0)
    at.leave("train", outside=False)
    beat = at.beat()
    assert (beat.mode, beat.longest_s, beat.quiet) == ("train", 2.0, False)


def test_entered(at: At) -> None:
    """Modes are counted since ``on_training_start``, trainings in the whole life."""
    for training in (1, 2):
        at.phases.training_started(at.now)
        for mode in ("train", "eval", "train"):
            at.enter(mode)
            at.leave("default", outside=True)
        beat = at.beat()
        assert (beat.training, dict(beat.entered)) == (training, {"train": 2, "eval": 1})


def test_own_waits(at: At) -> None:
    """Inside podlog's own waits the process is quiet, and nothing is learned."""
    at.enter("train")
    at.step(1, 1.0)
    at.now += 1.0
    with at.phases.ours("finalize"):
        with at.phases.ours("flush"):
            at.now += 30.0
        beat = at.beat(after=10.0)
        assert (beat.phase, beat.quiet, beat.longest_s) == (OURS, True, 1.0)
        at.compile(5.0)
    beat = at.beat(after=0.5)
    assert (beat.phase, beat.quiet, beat.longest_s, beat.idle_s) == ("", False, 1.0, 0.5)
    assert beat.phase_s == {"": 2.5, OURS: 40.0, COMPILE: 5.0}
    at.step(2, 1.0)
    assert at.beat().longest_s == 1.5


def test_waiting_for_the_device(at: At) -> None:
    """It is no wait of ours: a collective that hangs is seen there, by its own history."""
    at.enter("train")
    at.step(1, 0.001)
    with at.phases.within(FETCH):
        first = at.beat(after=40.0)
    assert (first.phase, first.quiet, first.longest_s) == (FETCH, False, 0.0)
    with at.phases.within(FETCH):
        assert at.beat(after=1.0).longest_s == 40.0


def test_calls(at: At) -> None:
    """How far it is within its step: each call counts, also the end of a phase; a step resets."""
    at.enter("train")
    at.step(1, 1.0)
    assert at.beat().calls == 0
    with at.phases.within("data"):
        assert at.beat().calls == 1
    assert at.beat().calls == 2
    at.phases.touch("should_stop")
    at.phases.step = 2
    assert at.beat().calls == 0, "should_stop names the next step"
    with at.phases.ours("should_stop"):
        pass
    at.step(2, 1.0)
    assert (at.beat().step, at.beat().calls) == (2, 2)


def test_many_names(at: At) -> None:
    """A name for each step makes no heartbeat without end."""
    for n in range(1000):
        at.enter(f"mode {n}")
        with at.phases.within(f"phase {n} " + "x" * 1000):
            at.now += 1.0
        at.leave("default", outside=True)
    beat = at.beat()
    assert len(beat.phase_s) + len(beat.entered) < 130
    assert sum(beat.entered.values()) == sum(beat.phase_s.values()) == 1000
    assert beat.ByteSize() < 20_000


def test_a_clock_that_stands(at: At) -> None:
    """Nothing is ever negative."""
    at.enter("train")
    at.step(1, 0.0)
    beat = at.beat(after=-1.0)
    assert (beat.idle_s, beat.longest_s) == (0.0, 0.0)

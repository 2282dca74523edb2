"""Records found in spools of the dead, and what the clock remembers."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_records import record
from kit_scene import TIMEOUT, Scene, members, seen

from podlog.coordinator.core import clock as clock_module
from podlog.coordinator.core import stream as stream_module
from podlog.coordinator.core.attempts import Attempt
from podlog.coordinator.core.clock import Clock, Closing, Passed
from podlog.coordinator.core.given import ROWS
from podlog.proto.config import TimingConfig
from podlog.proto.records import Kind
from podlog.proto.rows import RowKey

OLD, NOW = 2, 1
"""Numbers are not ages: the old attempt was learned after the present one."""


def known(scene: Scene, processes: int = 4) -> Scene:
    """The present job has attempt 1, an earlier one of `processes` has attempt 2."""
    told = [Attempt(NOW, "new", 20.0, 0), Attempt(OLD, "old", 10.0, 0, processes=processes)]
    scene.clock.attempts(told, "new")
    return scene


def orphan(scene: Scene, process: int, step: int, attempt: int = OLD, **made: object) -> None:
    scene.clock.orphan(record(process, step, **made), attempt, scene.now)  # type: ignore[arg-type]


def test_an_older_attempt_waits_for_its_spools():
    """Its rows close when told to, with who is missing of its own job, not of the present one."""
    scene = known(Scene(2))
    for process in (0, 1, 3):
        orphan(scene, process, 5)
    assert scene.due(after=10 * TIMEOUT) == []
    assert scene.clock.next_deadline() is None
    assert scene.clock.flush(scene.now, {NOW}) == []
    (closing,) = scene.clock.flush(scene.now, {OLD})
    assert (closing.key.attempt, members(closing), closing.missing) == (OLD, (0, 1, 3), (2,))
    assert not closing.complete
    orphan(scene, 2, 5)
    (late,) = scene.due()
    assert (late.revision, members(late), late.missing, late.complete) == (1, (2,), (), True)


def test_an_older_attempt_makes_no_row_wait():
    """4 processes before, 2 now: the present rows wait for 2."""
    scene = known(Scene(2))
    orphan(scene, 3, 100)
    scene.clock.record(record(2, 100), OLD, scene.now)
    scene.log(0, 1)
    scene.log(1, 1)
    (closing,) = scene.due()
    assert (closing.key.attempt, members(closing), closing.missing) == (NOW, (0, 1), ())
    assert closing.complete


def test_an_orphan_of_the_present_attempt_joins_an_open_row():
    """It belongs to a process that is not waited for because of it."""
    scene = Scene(2)
    scene.clock.leave(1, scene.now, lost=True)
    scene.log(0, 7)
    scene.due()
    orphan(scene, 1, 7, attempt=NOW)
    orphan(scene, 1, 8, attempt=NOW)
    (late,) = scene.due()
    assert seen([late]) == [(7, 0, 1, (1,), True)]
    scene.log(0, 8)
    scene.log(0, 9)
    assert [members(c) for c in scene.due()] == [(0, 1), (0,)]


def test_an_orphan_says_nothing_about_how_far_its_process_is():
    """A process that came back at an older step is neither past nor behind because of it."""
    scene = Scene(2)
    scene.clock.join(1, scene.now, incarnation=5)
    orphan(scene, 1, 9, attempt=NOW)
    scene.log(0, 3)
    assert scene.due() == []
    scene.log(1, 3, incarnation=5)
    assert scene.rows() == [(3, (0, 1))]


def test_an_attempt_learned_late_is_still_older():
    """A greater number does not make a process leave the attempt that it is in."""
    scene = known(Scene(2))
    scene.clock.progress(0, OLD, "train", Kind.STEP, 50, False, scene.now)
    scene.log(0, 1)
    scene.log(1, 1)
    assert scene.rows() == [(1, (0, 1))]


def test_nothing_closes_while_spools_are_read():
    """Until released or in time, but never without bound; late revisions go on."""
    scene = Scene(2)
    for process in (0, 1):
        scene.log(process, 1)
    assert len(scene.due()) == 1
    scene.clock.hold(scene.now + 20)
    for process in (0, 1):
        scene.log(process, 2)
    assert scene.due() == []
    assert scene.clock.next_deadline() == scene.now + 20
    scene.clock.release()
    assert scene.rows() == [(2, (0, 1))]

    scene.clock.hold(scene.now + 20)
    for process in (0, 1):
        scene.log(process, 3)
    assert scene.due(after=19) == []
    assert scene.rows(after=1) == [(3, (0, 1))]


@pytest.mark.parametrize("held", [True, False])
def test_what_waits_is_bounded(held, monkeypatch: pytest.MonkeyPatch):
    """More open rows than there is room for close without whom they lack, and are revised."""
    monkeypatch.setattr(stream_module, "OPEN", 3)
    scene = known(Scene(2))
    if held:
        scene.clock.hold(math.inf)
    for step in range(5):
        scene.log(0, step)
        orphan(scene, 0, step)
    assert scene.clock.next_deadline() == -math.inf
    assert [(c.key.attempt, c.key.step) for c in scene.due()] == [
        (NOW, 0), (OLD, 0), (NOW, 1), (OLD, 1),
    ]  # fmt: skip
    assert scene.due() == []
    orphan(scene, 1, 0)
    assert seen(scene.due()) == [(0, 0, 1, (1,), True)]


def test_rows_forgotten_while_incomplete_are_told_by_how_far_they_go():
    """When the last one that could add to them is past them."""
    scene = Scene(2)
    scene.clock.leave(1, scene.now, lost=True)
    for step in range(ROWS + 3):
        scene.log(0, step)
    assert len(scene.due()) == ROWS + 3
    assert (scene.clock.completed(), scene.clock.passed()) == ([], [])
    scene.clock.leave(1, scene.now)
    assert len(scene.clock.completed()) == ROWS
    assert scene.clock.passed() == [Passed(NOW, "train", Kind.STEP, 2)]
    assert scene.clock.passed() == []


def test_incomplete_rows_of_an_earlier_coordinator_are_told_too():
    """Only the newest rows are recalled: of those before, all that is kept may go."""
    clock = Clock(TimingConfig())
    clock.expect([0, 1], 0.0)
    clock.known(RowKey(NOW, "train", 5, Kind.STEP, 0), 0, [0])
    for process in (0, 1):
        assert clock.passed() == []
        clock.progress(process, NOW, "train", Kind.STEP, 6, False, 0.0)
    assert [key.step for key in clock.completed()] == [5]
    assert clock.passed() == [Passed(NOW, "train", Kind.STEP, 5)]


def test_rows_of_many_modes_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    """Of those not used for longest; a host row there is still given a number of its own."""
    monkeypatch.setattr(clock_module, "STREAMS", 2)
    scene = Scene(1)
    for mode in ("a", "b", "c"):
        scene.host(0, 1, "x", mode=mode)
    scene.clock.leave(0, scene.now, lost=True)
    assert len(scene.due()) == 3
    for mode in ("a", "c"):
        orphan(scene, 1, 1, attempt=NOW, kind=Kind.HOST, mode=mode, metrics={"x": 1.0})
    assert [(c.key.mode, c.key.n, c.revision) for c in scene.due()] == [("a", 1, 1), ("c", 0, 1)]


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 4), st.integers(1, 8), st.randoms(use_true_random=False))
def test_spools_give_the_rows_that_were_made(processes, steps, rng: random.Random):
    """In whatever order spools are read, and wherever flushed, the newest revisions hold all."""
    scene = known(Scene(1), processes)
    spools = [[(p, step) for step in range(steps)] for p in range(processes)]
    closings: list[Closing] = []
    while any(spools):
        process, step = rng.choice([spool for spool in spools if spool]).pop(0)
        orphan(scene, process, step)
        closings += scene.due()
        if rng.random() < 0.1:
            closings += scene.clock.flush(scene.now, {OLD})
    closings += scene.clock.flush(scene.now, {OLD})
    found: dict[int, set[int]] = {}
    for closing in closings:
        assert not found.setdefault(closing.key.step, set()).intersection(members(closing))
        found[closing.key.step].update(members(closing))
    assert found == {step: set(range(processes)) for step in range(steps)}
    assert [c.complete for c in closings].count(True) == steps

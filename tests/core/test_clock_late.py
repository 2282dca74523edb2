"""What is late, which host calls make one row, and what a restart must know."""

import math

import pytest
from kit_records import record
from kit_scene import TIMEOUT, Scene, members, seen

from podlog.coordinator.core.clock import Clock, Closing, GlobalStep
from podlog.coordinator.core.given import ROWS
from podlog.proto.config import TimingConfig
from podlog.proto.records import Kind
from podlog.proto.rows import RowKey

# ------------------------------------------------------------------------------ late


def test_a_row_before_one_given_out_is_late():
    """It is never shown in place: its first revision is 1, and the next record makes 2."""
    scene = Scene(3)
    for process in (0, 1):
        scene.log(process, 20)
    assert scene.rows(after=TIMEOUT) == [(20, (0, 1))]
    scene.log(2, 10)
    scene.log(2, 20)
    assert sorted(seen(scene.due())) == [(10, 0, 1, (2,), True), (20, 0, 1, (2,), True)]


def test_late_records_of_one_turn_are_one_revision():
    """Everything late for a row is taken together."""
    scene = Scene(3)
    scene.log(0, 1)
    scene.due(after=TIMEOUT)
    scene.log(2, 1)
    scene.log(1, 1)
    assert scene.clock.next_deadline() == -math.inf
    (closing,) = scene.due()
    assert seen([closing]) == [(1, 0, 1, (1, 2), True)]
    assert scene.clock.completed() == []


def test_completed_rows_are_told_once():
    """A row that closed incomplete is told when the last one is past it."""
    scene = Scene(2)
    scene.log(0, 1)
    (closing,) = scene.due(after=TIMEOUT)
    assert not closing.complete
    assert scene.clock.completed() == []
    scene.at(1, 2)
    assert scene.clock.completed() == [closing.key]
    assert scene.clock.completed() == []


def test_a_new_attempt_is_past_the_old_one():
    """A process that restored goes on in the new attempt; the old one's rows let it go."""
    scene = Scene(2)
    scene.log(0, 10)
    scene.clock.record(record(1, 5, restores=1), 2, scene.now)
    assert [(c.key.attempt, members(c)) for c in scene.due()] == [(1, (0,))]
    scene.clock.record(record(0, 5, restores=1), 2, scene.now)
    assert [(c.key.attempt, members(c)) for c in scene.due()] == [(2, (0, 1))]


# ------------------------------------------------------------------------- host rows


def test_host_calls_join_by_key():
    """Calls of different processes with a shared key are one row, whatever their order."""
    scene = Scene(2)
    scene.host(0, 1, "ab")
    scene.host(0, 1, "c", n=1)
    scene.host(1, 1, "c")
    scene.host(1, 1, "bx", n=1)
    found = [[(r.process, r.draft.n) for r in c.records] for c in scene.due()]
    assert found == [[(0, 0), (1, 1)], [(0, 1), (1, 0)]]


def test_a_host_call_that_fits_two_rows_joins_the_first():
    """Rows are never joined to one by a third process that logs the keys of both."""
    scene = Scene(3)
    scene.host(0, 1, "a")
    scene.host(1, 1, "b")
    scene.host(2, 1, "ab")
    for process in (0, 1, 2):
        scene.at(process, 2)
    assert [members(c) for c in scene.due()] == [(0, 2), (1,)]


def test_numbers_of_forgotten_host_rows_are_not_given_again():
    """A step logged again after thousands of others gets a number it has not had."""
    scene = Scene(1)
    for step in range(ROWS + 2):
        scene.host(0, step, "a")
    scene.host(0, 0, "a", n=1)
    scene.host(0, ROWS + 1, "a", n=1)
    keys = [(c.key.step, c.key.n) for c in scene.due()]
    assert keys[-2:] == [(0, 1), (ROWS + 1, 1)]


def test_host_calls_without_a_shared_key_are_rows_of_their_own():
    """They close when the others are past the step; no one who logged there is missing."""
    scene = Scene(2)
    scene.host(0, 1, "a")
    scene.host(1, 1, "b")
    assert scene.due() == []
    for process in (0, 1):
        scene.at(process, 2)
    closings = scene.due()
    assert seen(closings) == [(1, 0, 0, (0,), False), (1, 1, 0, (1,), False)]
    assert [c.missing for c in closings] == [(), ()]


def test_repeated_host_calls_join_in_turn():
    """The second call with a key joins the others' second call with it."""
    scene = Scene(2)
    for n in (0, 1):
        scene.host(0, 1, "a", n=n, occurrence=n)
    for n in (0, 1):
        scene.host(1, 1, "a", n=n, occurrence=n)
    found = [(c.key.n, [(r.process, r.draft.n) for r in c.records]) for c in scene.due()]
    assert found == [(0, [(0, 0), (1, 0)]), (1, [(0, 1), (1, 1)])]


def test_a_late_host_record_revises_the_row_it_shares_a_key_with():
    """Else it is a row of its own, with a number that no other has had."""
    scene = Scene(2)
    scene.host(0, 1, "a")
    assert len(scene.due(after=TIMEOUT)) == 1
    scene.host(1, 1, "a")
    scene.host(1, 1, "z", n=1)
    scene.at(0, 2)
    scene.at(1, 2)
    assert sorted(seen(scene.due())) == [(1, 0, 1, (1,), True), (1, 1, 0, (1,), False)]


def test_a_late_host_row_before_one_given_out():
    """It gets revision 1, and joins with what else is late there, then and afterwards."""
    scene = Scene(3)
    scene.host(0, 5, "a")
    scene.due(after=TIMEOUT)
    for process in (1, 2):
        scene.host(process, 4, "a")
    assert seen(scene.due()) == [(4, 0, 1, (1, 2), True)]
    scene.host(0, 4, "a")
    assert seen(scene.due()) == [(4, 0, 2, (0,), True)]


def test_a_host_call_of_a_second_life_replaces_its_own():
    """The same call logged again by a new life of the process revises its row."""
    scene = Scene(2)
    for process in (0, 1):
        scene.host(process, 1, "a")
    assert len(scene.due()) == 1
    scene.clock.join(1, scene.now, incarnation=5)
    scene.host(1, 1, "a", incarnation=5)
    assert seen(scene.due()) == [(1, 0, 1, (1,), True)]


# -------------------------------------------------------------------------- the rest


def test_flush_closes_everything():
    """At settling what is open closes with whom it holds, in order."""
    scene = Scene(3)
    scene.log(0, 1)
    scene.log(1, 2)
    scene.host(2, 1, "a")
    closings = scene.clock.flush(scene.now)
    assert [(c.key.kind, c.key.step, members(c)) for c in closings] == [
        (Kind.STEP, 1, (0,)),
        (Kind.STEP, 2, (1,)),
        (Kind.HOST, 1, (2,)),
    ]
    assert scene.clock.flush(scene.now) == []


def test_known_rows_are_not_given_out_again():
    """After a restart a record of a row given out before makes its next revision."""
    clock = Clock(TimingConfig())
    clock.expect([0, 1], 0.0)
    step = RowKey(1, "train", 5, Kind.STEP, 0)
    clock.known(step, 2, [0])
    call = record(0, 5, {"a": 1}, kind=Kind.HOST)
    clock.known(RowKey(1, "train", 5, Kind.HOST, 0), 0, [0], [call])
    clock.record(record(1, 5), 1, 0.0)
    clock.record(record(1, 5, {"a": 2}, kind=Kind.HOST), 1, 0.0)
    clock.record(record(1, 4), 1, 0.0)
    closings = clock.due(0.0)
    found = [(c.key.kind, *rest) for c, rest in zip(closings, seen(closings), strict=True)]
    assert (Kind.STEP, 5, 0, 3, (1,), True) in found
    assert (Kind.HOST, 5, 0, 1, (1,), True) in found


def test_skew_is_that_of_the_live():
    """The global step of a mode spans the live processes in it."""
    scene = Scene(3)
    for process, step in ((0, 10), (1, 7), (2, 3)):
        scene.at(process, step)
    assert scene.clock.skew() == {"train": GlobalStep(3, 10)}
    scene.clock.leave(2, scene.now)
    assert scene.clock.skew()["train"].skew == 3


@pytest.mark.parametrize("turns", [1, 50])
def test_a_thousand_host_calls_at_one_step(turns):
    """One process far ahead at one step costs no more than its calls; all join in the end."""
    scene = Scene(2)
    count = 1000
    closings: list[Closing] = []
    for process in (0, 1):
        for n in range(count):
            scene.host(process, 0, "a", n=n, occurrence=n)
            if n % (count // turns) == 0:
                closings += scene.due()
    closings += scene.due()
    assert [(c.key.n, members(c)) for c in closings] == [(n, (0, 1)) for n in range(count)]

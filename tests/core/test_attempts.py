"""Which attempt is older, whose it is, and what a restore supersedes."""

import dataclasses

from podlog.coordinator.core.attempts import Attempt, Attempts
from podlog.proto.records import Kind
from podlog.proto.rows import RowKey

FIRST = Attempt(1, "a", 10.0, 0, processes=4)
RESTORED = Attempt(2, "b", 20.0, 1, restored_at=200)
SECOND = Attempt(3, "b", 20.0, 0)


def row(attempt: Attempt, step: int, n: int = 0) -> RowKey:
    return RowKey(attempt.number, "train", step, Kind.STEP, n)


def nothing(key: RowKey) -> bool:
    return False


def test_age_is_decided_by_start_and_restores():
    """Not by the number: an attempt may be learned late from an old spool."""
    attempts = Attempts([RESTORED, FIRST, SECOND])
    assert attempts.all() == (FIRST, SECOND, RESTORED)
    assert attempts.older(3, 2)
    assert attempts.older(1, 3)
    assert not attempts.older(2, 3)


def test_an_attempt_that_is_not_known_is_the_newest():
    """A worker may be in one that nobody has told of yet; of two such the number decides."""
    attempts = Attempts([SECOND])
    assert attempts.older(3, 1)
    assert not attempts.older(1, 3)
    assert attempts.older(7, 8)
    assert not attempts.older(8, 7)


def test_attempts_of_other_jobs_have_ended():
    """They keep the number of processes that they had."""
    attempts = Attempts([FIRST, SECOND], "b")
    assert [attempts.ended(number) for number in (1, 2, 3)] == [True, False, False]
    assert list(attempts.processes(1)) == [0, 1, 2, 3]
    assert list(attempts.processes(3)) == list(attempts.processes(9)) == []


def test_rows_beyond_a_restore_are_superseded():
    """Run to 212, restore 200: older rows beyond 200 go, 200 only if it was made again."""
    attempts = Attempts([FIRST, SECOND, RESTORED])
    made = {row(RESTORED, 200)}
    assert attempts.superseded(row(FIRST, 212), nothing)
    assert not attempts.superseded(row(FIRST, 200), nothing)
    assert attempts.superseded(row(FIRST, 200), made.__contains__)
    assert not attempts.superseded(row(FIRST, 200, n=1), made.__contains__)
    assert not attempts.superseded(row(FIRST, 199), nothing)
    assert not attempts.superseded(row(RESTORED, 212), made.__contains__)


def test_an_attempt_learned_late_supersedes_nothing_newer():
    """A restore of an older attempt does not touch the rows of a newer one."""
    older = dataclasses.replace(FIRST, number=9, restored_at=5)
    assert not Attempts([SECOND, older]).superseded(row(SECOND, 10), nothing)

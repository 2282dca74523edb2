"""Which attempt is newer, and what a restore supersedes."""

from podlog.coordinator.core.attempts import Attempts
from podlog.proto.records import Kind
from podlog.proto.rows import RowKey


def row(attempt: int, step: int, n: int = 0) -> RowKey:
    return RowKey(attempt, "train", step, Kind.STEP, n)


def nothing(key: RowKey) -> bool:
    return False


def test_numbers_are_given_in_order_of_appearance():
    """An attempt keeps its number; the next one gets the next."""
    attempts = Attempts()
    assert attempts.newest() == 0
    assert attempts.number("b", 20.0, 0) == 1
    assert attempts.number("a", 10.0, 0) == 2
    assert attempts.number("b", 20.0, 0) == 1
    again = Attempts(attempts.all())
    assert again.number("a", 10.0, 0) == 2
    assert again.number("b", 20.0, 1) == 3


def test_newer_is_decided_by_start_and_restores():
    """Not by the number: an attempt may be learned late from an old spool."""
    attempts = Attempts()
    late, old, restored = (
        attempts.number("b", 20.0, 0),
        attempts.number("a", 10.0, 3),
        attempts.number("b", 20.0, 1),
    )
    assert attempts.newer(late, old)
    assert attempts.newer(restored, late)
    assert not attempts.newer(old, late)
    assert attempts.newest() == restored
    assert [a.number for a in attempts.all()] == [old, late, restored]


def test_rows_beyond_a_restore_are_superseded():
    """Run to 212, restore 200: older rows beyond 200 go, 200 only if it was made again."""
    attempts = Attempts()
    first, second = attempts.number("a", 1.0, 0), attempts.number("b", 2.0, 0)
    attempts.restored(second, 200)
    made = {row(second, 200)}
    assert attempts.superseded(row(first, 212), nothing)
    assert not attempts.superseded(row(first, 200), nothing)
    assert attempts.superseded(row(first, 200), made.__contains__)
    assert not attempts.superseded(row(first, 200, n=1), made.__contains__)
    assert not attempts.superseded(row(first, 199), nothing)
    assert not attempts.superseded(row(second, 212), made.__contains__)


def test_an_attempt_learned_late_supersedes_nothing_newer():
    """A restore of an older attempt does not touch the rows of a newer one."""
    attempts = Attempts()
    newer, older = attempts.number("b", 2.0, 0), attempts.number("a", 1.0, 1)
    attempts.restored(older, 5)
    assert not attempts.superseded(row(newer, 10), nothing)


def test_the_lowest_restore_step_counts():
    """Processes that restored at different steps have lost what lies beyond the lowest."""
    attempts = Attempts()
    first, second = attempts.number("a", 1.0, 0), attempts.number("a", 1.0, 1)
    for step in (30, 20, 40):
        attempts.restored(second, step)
    assert attempts.superseded(row(first, 21), nothing)
    assert not attempts.superseded(row(first, 20), nothing)

"""An epoch over all processes: from the first start to the last end, by clocks put right."""

import itertools
import math
from collections.abc import Mapping

from kit_records import record

from podlog.coordinator.core.epochspan import EpochSpan, epoch_span
from podlog.proto.records import Kind, Op, Record

AHEAD = {0: 0.0, 1: 300.0, 2: -3600.0}
"""By how many seconds the clock of each process is off."""

LIVES = {1000 + process: -ahead for process, ahead in AHEAD.items()}


def ended(process: int, start: float, end: float, seconds: float | None = None) -> Record:
    """An epoch from `start` to `end`, of the coordinator's clock, as its process told it."""
    took = end - start if seconds is None else seconds
    metrics = {"loss": 0.5, "epoch_time": (Op.SINGLE, (took, 1))}
    told = end + AHEAD.get(process, 0.0)
    return record(process, 100, metrics, kind=Kind.EPOCH, epoch=3, time=told)


def span(records: list[Record], offsets: Mapping[int, float] = LIVES) -> EpochSpan:
    """The same for every order of the records."""
    found = {epoch_span(order, offsets.get) for order in itertools.permutations(records)}
    (only,) = found
    assert only is not None
    return only


def close(found: float, wanted: float) -> bool:
    return math.isclose(found, wanted, abs_tol=1e-6)


def test_clocks_that_are_off_are_put_right() -> None:
    """By minutes ahead and an hour behind: who was first and last, and how far apart."""
    found = span([ended(0, 10.0, 22.3), ended(1, 10.4, 22.7), ended(2, 9.8, 22.5)])
    assert (found.process, found.first, found.last) == (0, 2, 1)
    assert close(found.seconds, 12.3)
    assert close(found.span, 12.9)
    assert close(found.starts, 0.6)
    assert close(found.ends, 0.4)
    assert found.unknown == ()


def test_a_clock_of_which_nothing_is_known_counts_as_right() -> None:
    """And is named."""
    records = [ended(0, 10.0, 20.0), ended(1, 10.0, 20.0), ended(2, 10.0, 20.0)]
    found = span(records, {1000: 0.0, 1002: 3600.0})
    assert found.unknown == (1,)
    assert close(found.span, 310.0)
    assert (found.first, found.last) == (0, 1)


def test_one_that_starts_late() -> None:
    """It makes the starts spread, not the ends."""
    found = span([ended(0, 10.0, 20.0), ended(1, 17.0, 20.0), ended(2, 10.0, 20.0)])
    assert close(found.span, 10.0)
    assert close(found.starts, 7.0)
    assert close(found.ends, 0.0)
    assert (found.first, found.last) == (0, 0)


def test_process_0_is_missing() -> None:
    """The seconds are the lowest process's, as `epoch_time` of the row is."""
    found = span([ended(1, 10.0, 20.0), ended(2, 11.0, 21.0, seconds=10.0)])
    assert (found.process, found.seconds) == (1, 10.0)
    assert close(found.span, 11.0)


def test_of_two_lives_the_later_counts() -> None:
    """As in the row."""
    dead = ended(1, 0.0, 500.0)
    again = ended(1, 12.0, 20.0)
    later = record(
        1, 100, {"epoch_time": (Op.SINGLE, (8.0, 1))}, kind=Kind.EPOCH, incarnation=7, restores=1,
        time=again.draft.time,
    )  # fmt: skip
    found = span([ended(0, 10.0, 20.0), dead, later], {**LIVES, 7: -300.0})
    assert close(found.span, 10.0)
    assert close(found.starts, 2.0)


def test_one_process_alone_has_no_span() -> None:
    """Its own time says it; nor has a record without a time that can be one."""
    alone = ended(0, 10.0, 20.0)
    assert epoch_span([alone], LIVES.get) is None
    assert epoch_span([], LIVES.get) is None
    for seconds in (math.nan, math.inf, -1.0):
        assert epoch_span([alone, ended(1, 10.0, 20.0, seconds)], LIVES.get) is None
    bare = record(1, 100, {"loss": 1.0}, kind=Kind.EPOCH, time=20.0)
    plain = record(1, 100, {"epoch_time": 5.0}, kind=Kind.EPOCH, time=20.0)
    assert epoch_span([alone, bare], LIVES.get) is None
    assert epoch_span([alone, plain], LIVES.get) is None

"""Dedup, order and holes of records."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_records import record

from podlog.coordinator.core.ingest import Ingest, Loss
from podlog.proto.codec import body_draft, record_body
from podlog.proto.errors import WireError
from podlog.proto.records import Gap, Kind, Record


def numbered(*seqs: int) -> list[Record]:
    return [record(0, step=seq, seq=seq, incarnation=7) for seq in seqs]


def gap(seq: int, first: int, last: int) -> Record:
    return Record(0, 7, 0, seq, body_draft(Gap(first, last, "spool full"), 0.0))


def seqs(records: list[Record]) -> list[int]:
    return [r.seq for r in records]


def test_a_record_is_accepted_once():
    """What comes again is dropped and counted, at once or after what followed it."""
    ingest = Ingest({})
    assert seqs(ingest.offer(numbered(1, 2, 2))) == [1, 2]
    assert ingest.offer(numbered(1, 2)) == []
    assert ingest.stored(7) == 2
    assert ingest.duplicates == 3


def test_the_journal_number_is_the_memory():
    """After a restart what the journal acknowledged is not accepted again."""
    ingest = Ingest({7: 5})
    assert seqs(ingest.offer(numbered(4, 5, 6))) == [6]
    assert ingest.stored(7) == 6
    assert ingest.stored(8) == 0


def test_what_lies_beyond_a_hole_waits_for_it():
    """Nothing beyond a hole is accepted or acknowledged before the hole is filled."""
    ingest = Ingest({})
    assert seqs(ingest.offer(numbered(1, 3, 4))) == [1]
    assert (ingest.stored(7), ingest.waiting(7)) == (1, 2)
    assert seqs(ingest.offer(numbered(2))) == [2, 3, 4]
    assert (ingest.stored(7), ingest.waiting(7)) == (4, 0)


@pytest.mark.parametrize("number", [2, 5])
def test_a_gap_declares_a_hole_lost(number):
    """A gap record, in the place of what is lost or later, lets what follows pass."""
    ingest = Ingest({})
    assert seqs(ingest.offer(numbered(1, 6))) == [1]
    accepted = ingest.offer([gap(number, 2, 4), *numbered(5 if number == 2 else 2)])
    assert 6 in seqs(accepted)
    assert number in seqs(accepted)
    assert ingest.stored(7) == 6
    assert ingest.offer([gap(number, 2, 4)]) == []


def test_a_gap_over_records_stored_in_part_counts():
    """A gap that reaches beyond what is stored is kept though it begins before it."""
    ingest = Ingest({7: 10})
    assert seqs(ingest.offer([gap(5, 5, 20), *numbered(21)])) == [5, 21]
    assert ingest.stored(7) == 21


def test_what_is_here_is_not_lost():
    """A record that waits inside a declared gap is accepted; only the rest is lost."""
    ingest = Ingest({})
    ingest.offer(numbered(1, 3))
    assert seqs(ingest.offer([gap(2, 2, 4)])) == [2, 3]
    assert (ingest.stored(7), ingest.waiting(7)) == (4, 0)
    assert ingest.losses() == [Loss(7, 2, 2, "spool full"), Loss(7, 4, 4, "spool full")]
    assert ingest.losses() == []


def test_a_gap_that_loses_nothing_is_not_passed_on():
    """Everything that it declares was here before it: nothing is told of it."""
    ingest = Ingest({7: 2})
    ingest.offer(numbered(4, 5))
    assert seqs(ingest.offer(numbered(3))) == [3, 4, 5]
    assert ingest.offer([gap(2, 1, 5)]) == []
    assert ingest.losses() == []


def test_overlapping_gaps_lose_each_number_once():
    """Of a second gap only what the first did not declare is lost."""
    ingest = Ingest({7: 3})
    assert seqs(ingest.offer([gap(6, 2, 6), gap(8, 4, 8)])) == [6, 8]
    assert [(loss.first, loss.last) for loss in ingest.losses()] == [(4, 6), (7, 8)]
    assert ingest.stored(7) == 8


def test_the_coordinator_declares_a_hole_itself():
    """A journal that knows less than the worker was told: what follows is accepted."""
    ingest = Ingest({7: 10})
    assert ingest.offer(numbered(51, 52)) == []
    assert seqs(ingest.declare(7, 11, 50, "another journal")) == [51, 52]
    assert ingest.losses() == [Loss(7, 11, 50, "another journal")]
    assert ingest.declare(7, 11, 50, "another journal") == []
    assert ingest.losses() == []


def test_what_waits_is_bounded():
    """Too many records beyond a hole are refused, counted and told once; they come again."""
    ingest = Ingest({}, limit=2)
    ingest.offer(numbered(2, 3))
    assert not ingest.overflowed(7)
    ingest.offer([*numbered(4), gap(9, 5, 9)])
    assert (ingest.waiting(7), ingest.refused) == (2, 2)
    assert ingest.overflowed(7)
    assert not ingest.overflowed(7)
    assert seqs(ingest.offer(numbered(1, 2, 3, 4))) == [1, 2, 3, 4]
    assert not ingest.overflowed(8)


def test_what_waits_is_bounded_in_bytes():
    """A few large records beyond a hole are enough; the room is free again afterwards."""
    ingest = Ingest({}, limit_bytes=1000)
    assert ingest.offer(numbered(3, 4, 5)) == []
    assert (ingest.waiting(7), ingest.refused) == (2, 1)
    assert seqs(ingest.offer(numbered(1, 2))) == [1, 2, 3, 4]
    ingest.offer(numbered(6, 7))
    assert (ingest.waiting(7), ingest.refused) == (2, 1)


@pytest.mark.parametrize(("number", "first", "last"), [(1, 5, 3), (1, 0, 3), (4, 5, 9)])
def test_an_impossible_gap_is_an_error(number, first, last):
    """A gap that ends before it begins, or declares what comes after it, is no gap."""
    with pytest.raises(WireError, match="not a gap"):
        Ingest({}).offer([gap(number, first, last)])


def test_an_error_accepts_nothing():
    """What came with a broken gap is not taken for stored."""
    ingest = Ingest({})
    with pytest.raises(WireError, match="not a gap"):
        ingest.offer([*numbered(1, 2), gap(3, 9, 3)])
    assert ingest.stored(7) == 0
    assert seqs(ingest.offer(numbered(1, 2))) == [1, 2]


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 30), st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_with_duplicates_gives_each_once_in_order(count, rng: random.Random, times):
    """However records are shuffled and repeated, each comes out once and in order."""
    offered = numbered(*range(1, count + 1)) * times
    rng.shuffle(offered)
    ingest = Ingest({})
    accepted = [r for each in offered for r in ingest.offer([each])]
    assert seqs(accepted) == list(range(1, count + 1))
    assert ingest.duplicates == count * (times - 1)


gaps = st.tuples(st.integers(1, 30), st.integers(0, 8), st.integers(-8, 4)).map(
    lambda made: gap(max(made[0], made[0] + made[1] + made[2]), made[0], made[0] + made[1])
)
offers = st.lists(
    st.one_of(st.integers(1, 40).map(lambda seq: numbered(seq)[0]), gaps), max_size=80
)


@settings(deadline=None, max_examples=300)
@given(st.lists(offers, max_size=4), st.tuples(st.integers(1, 30), st.integers(0, 10)))
def test_each_number_is_stored_or_lost_once(lives, hole):
    """In any order, with doubles, overlapping gaps and restarts: stored = accepted + lost."""
    stored, accepted, lost = 0, [], []
    for offered in lives:
        ingest = Ingest({7: stored} if stored else {})
        records = [r for one in offered for r in ingest.offer([one])]
        records += ingest.declare(7, hole[0], hole[0] + hole[1], "declared")
        for each in records:
            found = record_body(each) if each.kind is Kind.GAP else None
            if not isinstance(found, Gap) or each.seq > found.last:
                accepted.append(each.seq)
        for loss in ingest.losses():
            lost += range(loss.first, loss.last + 1)
        stored = ingest.stored(7)
    assert sorted(accepted + lost) == list(range(1, stored + 1))

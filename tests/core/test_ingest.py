"""Dedup, order and holes of records."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_records import record

from podlog.coordinator.core.ingest import Ingest
from podlog.proto.codec import body_draft
from podlog.proto.errors import WireError
from podlog.proto.records import Gap, Record


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


def test_what_a_gap_declares_lost_does_not_wait():
    """A record inside a declared gap is counted as lost, once, and not kept."""
    ingest = Ingest({})
    ingest.offer(numbered(1, 3))
    assert seqs(ingest.offer([gap(2, 2, 4)])) == [2]
    assert (ingest.stored(7), ingest.waiting(7)) == (4, 0)


def test_what_waits_is_bounded():
    """Too many records beyond a hole are refused and counted; they come again later."""
    ingest = Ingest({}, limit=2)
    ingest.offer(numbered(2, 3, 4))
    assert (ingest.waiting(7), ingest.refused) == (2, 1)
    assert seqs(ingest.offer(numbered(1, 2, 3, 4))) == [1, 2, 3, 4]


def test_an_impossible_gap_is_an_error():
    """A gap that ends before it begins is no gap."""
    with pytest.raises(WireError, match="not a gap"):
        Ingest({}).offer([gap(1, 5, 3)])


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

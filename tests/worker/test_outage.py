"""Pauses between attempts to connect, and the one warning an outage."""

from podlog.worker.outage import Outage


def test_pauses_grow_to_a_bound_and_differ() -> None:
    """At most 0.1 s at first, at most 5 s at last, never less than half of that."""
    outage = Outage(0.0)
    pauses = [outage.pause() for _ in range(40)]
    assert 0.05 <= pauses[0] <= 0.1 and 0.1 <= pauses[1] <= 0.2
    assert all(2.5 <= pause <= 5.0 for pause in pauses[6:])
    assert len(set(pauses)) > 30


def test_an_outage_is_told_once_when_it_has_lasted() -> None:
    """A short one says nothing; a good connection begins anew."""
    outage = Outage(100.0)
    assert outage.lasts(109.9) is None
    assert outage.lasts(112.0) == 12.0
    assert outage.lasts(500.0) is None

    outage.pause()
    outage.pause()
    outage.over(600.0)
    assert outage.pause() <= 0.1
    assert outage.lasts(605.0) is None
    assert outage.lasts(611.0) == 11.0

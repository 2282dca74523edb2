"""The audit of any run: each number is counted in one place."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from kit_audit import hello, make_run
from kit_spools import draft

from podlog.coordinator.cli import audit
from podlog.coordinator.ranges import count, subtract, union
from podlog.worker.spool import Spool


@st.composite
def drawn_life(draw: st.DrawFn) -> tuple[int, frozenset[int], int, int]:
    """Acked, lost of these, said to be made, spooled."""
    acked = draw(st.integers(0, 30))
    lost = draw(st.frozensets(st.integers(1, acked))) if acked else frozenset()
    return acked, lost, draw(st.integers(0, 40)), draw(st.integers(0, 40))


@settings(deadline=None, max_examples=25)
@given(st.lists(drawn_life(), min_size=1, max_size=3))
def test_made_is_stored_plus_lost_plus_spooled_plus_unaccounted(
    drawn: list[tuple[int, frozenset[int], int, int]],
) -> None:
    """For any run: each number is counted in one place, and only there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = make_run(folder, *(hello(i, i) for i in range(1, len(drawn) + 1)))
        for i, (acked, lost, made, spooled) in enumerate(drawn, 1):
            for number in lost:
                journal.add_loss(i, number, number, "why")
            if acked:
                journal.set_ack(i, acked)
            journal.set_made(i, made)
            if spooled:
                spool = Spool(folder / "spool", hello(i, i))
                spool.append([draft(step) for step in range(1, spooled + 1)])
                spool.close()
        journal.close()
        found = audit(folder)
    for life, (acked, lost, made, spooled) in zip(found.lives, drawn, strict=True):
        in_spool = count((s.first, s.last) for s in life.spooled)
        assert (life.acked, life.made) == (acked, max(made, acked, spooled))
        assert life.stored + len(lost) == acked
        assert count((x.first, x.last) for x in life.lost) == len(lost)
        assert in_spool == max(0, spooled - acked)
        assert acked + in_spool + count(life.unaccounted) == life.made


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))), st.integers(0, 30))
def test_ranges_are_sets_of_numbers(ranges: list[tuple[int, int]], last: int) -> None:
    """`union`, `subtract` and `count` against sets."""
    numbers = {n for first, end in ranges for n in range(first, end + 1)}
    assert {n for a, b in union(ranges) for n in range(a, b + 1)} == numbers
    left = {n for a, b in subtract((5, last), ranges) for n in range(a, b + 1)}
    assert left == set(range(5, last + 1)) - numbers
    assert count(ranges) == len(numbers)

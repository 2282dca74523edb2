"""Progress: what is promised holds, and nothing that holds is held back for long."""

import queue
import signal
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.proto.records import Kind
from podlog.worker.handed import MARKS, Handed


def _progress(handed: Handed) -> dict[tuple[str, str], tuple[int, bool]]:
    return {(p.mode, Kind(p.kind).name): (p.step, p.left) for p in handed.progress()}


def test_a_step_without_open_tickets_holds_at_once() -> None:
    """A step that makes no record is progress when it is handed in."""
    handed = Handed()
    handed.step("train", Kind.STEP, 7)
    assert _progress(handed) == {("train", "STEP"): (7, False)}
    assert not any(p.seq for p in handed.progress())


def test_a_step_waits_for_the_records_made_before_it() -> None:
    """Step 11 holds only when the record made at step 10 is spooled."""
    handed = Handed()
    handed.step("train", Kind.STEP, 10)
    ticket = handed.ticket()
    handed.step("train", Kind.STEP, 11)
    assert _progress(handed) == {("train", "STEP"): (10, False)}

    handed.done(ticket)
    assert _progress(handed) == {("train", "STEP"): (11, False)}
    assert handed.open == 0


def test_tickets_done_out_of_order_hold_only_together() -> None:
    """A later ticket that is done does not vouch for an earlier one."""
    handed = Handed()
    first, second = handed.ticket(), handed.ticket()
    handed.step("val", Kind.STEP, 1)
    handed.done(second)
    assert _progress(handed) == {}
    assert handed.open == 1
    handed.done(first)
    assert _progress(handed) == {("val", "STEP"): (1, False)}


def test_steady_lag_does_not_starve_progress() -> None:
    """With two records always on their way, progress follows two steps behind."""
    handed = Handed()
    tickets = []
    for step in range(100):
        handed.step("train", Kind.STEP, step)
        tickets.append(handed.ticket())
        if step >= 2:
            handed.done(tickets[step - 2])
    assert _progress(handed) == {("train", "STEP"): (98, False)}


def test_leaving_a_mode_counts_for_each_kind_until_it_is_entered_again() -> None:
    """`left` holds once the records before it do, and goes with the next step."""
    handed = Handed()
    handed.step("val", Kind.STEP, 5)
    handed.step("val", Kind.EPOCH, 5)
    handed.step("train", Kind.STEP, 5)
    ticket = handed.ticket()
    handed.leave("val", 7)
    assert _progress(handed)["val", "EPOCH"] == (5, False)

    handed.done(ticket)
    after = {
        ("val", "STEP"): (7, True),
        ("val", "EPOCH"): (7, True),
        ("train", "STEP"): (5, False),
    }
    assert _progress(handed) == after

    handed.step("val", Kind.STEP, 8)
    assert _progress(handed) == after | {("val", "STEP"): (8, False)}


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(["step", "make", "done", "leave"]), st.integers(0, 9))))
def test_whatever_is_promised_holds(calls: list[tuple[str, int]]) -> None:
    """The dumb model: the newest mark all of whose tickets are done, looked up from scratch."""
    handed = Handed()
    done: set[int] = set()
    marks: list[tuple[int, int, bool]] = []
    given_out = 0
    for call, number in calls:
        if call == "step":
            handed.step("m", Kind.STEP, number)
            marks.append((given_out, number, False))
        elif call == "make":
            given_out = handed.ticket()
        elif call == "leave":
            handed.leave("m", number)
            if marks:
                marks.append((given_out, max(marks[-1][1], number), True))
        elif 1 <= number <= given_out and number not in done:
            handed.done(number)
            done.add(number)
        held = [m for m in marks if all(t in done for t in range(1, m[0] + 1))]
        expected = {("m", "STEP"): held[-1][1:]} if held else {}
        assert _progress(handed) == expected


def test_memory_stays_bounded_while_nobody_asks() -> None:
    """A million steps with nobody connected leave no trail of marks."""
    handed = Handed()
    for step in range(20_000):
        handed.step("train", Kind.STEP, step)
        handed.done(handed.ticket())
    assert sum(len(marks) for marks in handed._marks.values()) <= 2


def test_a_step_costs_little() -> None:
    """The best of some rounds is far below what a training step notices."""
    handed = Handed()
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        for step in range(500):
            handed.step("train", Kind.STEP, step)
        best = min(best, (time.perf_counter() - start) / 500)
    assert best < 10e-6


@pytest.mark.parametrize("threads", [4])
def test_threads_share_it(threads: int) -> None:
    """Tickets taken by many threads are all different and end at one count."""
    handed = Handed()

    def work() -> None:
        for _ in range(500):
            handed.done(handed.ticket())

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert handed.ticket() == threads * 500 + 1
    assert handed.open == 1


def test_marks_are_bounded_while_nothing_is_done() -> None:
    """With a disk that stalls progress gets coarser, and never says too much."""
    handed = Handed()
    tickets = []
    for step in range(3 * MARKS):
        handed.step("train", Kind.STEP, step)
        tickets.append(handed.ticket())
    assert len(handed._marks["train", Kind.STEP]) == MARKS
    for ticket in tickets[: 2 * MARKS]:
        handed.done(ticket)
    assert [p.step for p in handed.progress()] == [MARKS - 1]
    for ticket in tickets[2 * MARKS :]:
        handed.done(ticket)
    assert [p.step for p in handed.progress()] == [3 * MARKS - 1]


def test_a_signal_handler_may_log() -> None:
    """It runs on the training thread, which may be in the middle of a call itself."""
    handed = Handed()
    given: queue.SimpleQueue[int] = queue.SimpleQueue()
    count = [0]

    def log(*_: object) -> None:
        handed.step("train", Kind.HOST, 1)
        given.put(handed.ticket())
        count[0] += 1

    before = signal.signal(signal.SIGALRM, log)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
        deadline = time.monotonic() + 20
        while count[0] < 300:
            handed.step("train", Kind.STEP, 1)
            given.put(handed.ticket())
            handed.leave("val", 1)
            assert time.monotonic() < deadline
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    tickets = [given.get() for _ in range(given.qsize())]
    assert sorted(tickets) == list(range(1, len(tickets) + 1))
    handed.done(*tickets)
    assert handed.open == 0

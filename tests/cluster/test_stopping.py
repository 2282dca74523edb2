"""The order of signals by which a launcher stops its processes."""

from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM

from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.cluster.stopping import Order, Stopping


def test_nothing_happens_by_itself() -> None:
    """Without a signal or a failure nothing is sent and nothing is waited for."""
    stopping = Stopping(5.0)
    assert stopping.wait(0.0) is None
    assert stopping.due(1e9) == []
    assert not stopping.begun


def test_interrupt_escalates() -> None:
    """SIGINT is passed on; SIGTERM follows after the grace, SIGKILL after another."""
    stopping = Stopping(5.0)
    assert stopping.signalled(SIGINT, 0.0) == [Order(SIGINT)]
    assert stopping.wait(1.0) == 4.0
    assert stopping.due(4.9) == []
    assert stopping.due(5.0) == [Order(SIGTERM)]
    assert stopping.due(9.9) == []
    assert stopping.due(10.0) == [Order(SIGKILL)]
    assert stopping.wait(10.0) is None
    assert stopping.received == SIGINT


def test_hang_up_counts_as_terminate() -> None:
    """A closed terminal stops the job as SIGTERM does."""
    stopping = Stopping(5.0)
    assert stopping.signalled(SIGHUP, 0.0) == [Order(SIGTERM)]
    assert stopping.received == SIGHUP
    assert stopping.due(5.0) == [Order(SIGKILL)]


def test_second_signal_kills() -> None:
    """Whoever is in a hurry asks twice."""
    stopping = Stopping(5.0)
    stopping.signalled(SIGINT, 0.0)
    assert list(stopping.signalled(SIGINT, 1.0)) == [Order(SIGKILL)]
    assert stopping.received == SIGINT
    assert stopping.wait(1.0) is None


def test_failure_terminates_once() -> None:
    """The first failure stops the others; further ones change nothing."""
    stopping = Stopping(5.0)
    assert stopping.failed(0.0) == [Order(SIGTERM)]
    assert stopping.failed(1.0) == ()
    assert stopping.received is None
    assert stopping.due(5.0) == [Order(SIGKILL)]
    assert stopping.wait(5.0) is None


def test_who_failed_is_stopped_a_grace_later() -> None:
    """It has time to say why; the others are not waited for longer than else."""
    stopping = Stopping(5.0)
    assert stopping.failed(0.0, spared=3) == [Order(SIGTERM, spared=3)]
    assert stopping.due(5.0) == [Order(SIGKILL, spared=3), Order(SIGTERM)]
    assert stopping.due(9.9) == []
    assert stopping.due(10.0) == [Order(SIGKILL)]
    assert stopping.wait(10.0) is None


def test_a_pause_is_kept() -> None:
    """It is decided at once, and done later."""
    stopping = Stopping(5.0)
    assert stopping.failed(0.0, pause=2.0) == []
    assert stopping.begun
    assert stopping.wait(0.5) == 1.5
    assert stopping.due(2.0) == [Order(SIGTERM)]


def test_failure_after_interrupt_keeps_the_order() -> None:
    """A process that dies of the interrupt does not cut the others' grace."""
    stopping = Stopping(5.0)
    stopping.signalled(SIGINT, 0.0)
    assert stopping.failed(1.0) == ()
    assert stopping.wait(1.0) == 4.0


def test_a_signal_spares_nobody() -> None:
    """What a failure began, a signal to the launcher begins anew for all."""
    stopping = Stopping(5.0)
    stopping.failed(0.0, spared=1, pause=2.0)
    assert stopping.signalled(SIGTERM, 1.0) == [Order(SIGTERM)]
    assert stopping.due(6.0) == [Order(SIGKILL)]
    assert stopping.wait(6.0) is None


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from([SIGINT, SIGTERM, None]), max_size=4),
    st.floats(0.1, 10),
    st.none() | st.integers(0, 2),
    st.floats(0, 3),
)
def test_always_ends_in_kill(
    causes: list[int | None], grace: float, spared: int | None, pause: float
) -> None:
    """Whatever starts it, SIGKILL for all comes two graces and a pause after the last cause."""
    stopping, now, sent = Stopping(grace), 0.0, []
    for cause in causes:
        if cause is None:
            sent += stopping.failed(now, spared=spared, pause=pause)
        else:
            sent += stopping.signalled(cause, now)
        now += grace / 8
    while (wait := stopping.wait(now)) is not None:
        now += wait
        sent += stopping.due(now)
    assert (Order(SIGKILL) in sent) == bool(causes)
    assert now <= len(causes) * grace / 8 + 2 * grace + pause + 1e-6

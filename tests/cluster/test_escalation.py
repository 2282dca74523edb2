"""The order of signals by which a launcher stops its processes."""

from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM

from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.cluster.escalation import Escalation, Order


def test_nothing_happens_by_itself() -> None:
    """Without a signal or a failure nothing is sent and nothing is waited for."""
    escalation = Escalation(5.0)
    assert escalation.wait(0.0) is None
    assert escalation.due(1e9) == []
    assert not escalation.begun


def test_interrupt_escalates() -> None:
    """SIGINT is passed on; SIGTERM follows after the grace, SIGKILL after another."""
    escalation = Escalation(5.0)
    assert escalation.signalled(SIGINT, 0.0) == [Order(SIGINT)]
    assert escalation.wait(1.0) == 4.0
    assert escalation.due(4.9) == []
    assert escalation.due(5.0) == [Order(SIGTERM)]
    assert escalation.due(9.9) == []
    assert escalation.due(10.0) == [Order(SIGKILL)]
    assert escalation.wait(10.0) is None
    assert escalation.received == SIGINT


def test_hang_up_counts_as_terminate() -> None:
    """A closed terminal stops the job as SIGTERM does."""
    escalation = Escalation(5.0)
    assert escalation.signalled(SIGHUP, 0.0) == [Order(SIGTERM)]
    assert escalation.received == SIGHUP
    assert escalation.due(5.0) == [Order(SIGKILL)]


def test_second_signal_kills() -> None:
    """Whoever is in a hurry asks twice."""
    escalation = Escalation(5.0)
    escalation.signalled(SIGINT, 0.0)
    assert list(escalation.signalled(SIGINT, 1.0)) == [Order(SIGKILL)]
    assert escalation.received == SIGINT
    assert escalation.wait(1.0) is None


def test_failure_terminates_once() -> None:
    """The first failure stops the others; further ones change nothing."""
    escalation = Escalation(5.0)
    assert escalation.failed(0.0) == [Order(SIGTERM)]
    assert escalation.failed(1.0) == ()
    assert escalation.received is None
    assert escalation.due(5.0) == [Order(SIGKILL)]
    assert escalation.wait(5.0) is None


def test_who_failed_is_stopped_a_grace_later() -> None:
    """It has time to say why; the others are not waited for longer than else."""
    escalation = Escalation(5.0)
    assert escalation.failed(0.0, spared=3) == [Order(SIGTERM, spared=3)]
    assert escalation.due(5.0) == [Order(SIGKILL, spared=3), Order(SIGTERM)]
    assert escalation.due(9.9) == []
    assert escalation.due(10.0) == [Order(SIGKILL)]
    assert escalation.wait(10.0) is None


def test_a_pause_is_kept() -> None:
    """It is decided at once, and done later."""
    escalation = Escalation(5.0)
    assert escalation.failed(0.0, pause=2.0) == []
    assert escalation.begun
    assert escalation.wait(0.5) == 1.5
    assert escalation.due(2.0) == [Order(SIGTERM)]


def test_failure_after_interrupt_keeps_the_order() -> None:
    """A process that dies of the interrupt does not cut the others' grace."""
    escalation = Escalation(5.0)
    escalation.signalled(SIGINT, 0.0)
    assert escalation.failed(1.0) == ()
    assert escalation.wait(1.0) == 4.0


def test_a_signal_spares_nobody() -> None:
    """What a failure began, a signal to the launcher begins anew for all."""
    escalation = Escalation(5.0)
    escalation.failed(0.0, spared=1, pause=2.0)
    assert escalation.signalled(SIGTERM, 1.0) == [Order(SIGTERM)]
    assert escalation.due(6.0) == [Order(SIGKILL)]
    assert escalation.wait(6.0) is None


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
    escalation, now, sent = Escalation(grace), 0.0, []
    for cause in causes:
        if cause is None:
            sent += escalation.failed(now, spared=spared, pause=pause)
        else:
            sent += escalation.signalled(cause, now)
        now += grace / 8
    while (wait := escalation.wait(now)) is not None:
        now += wait
        sent += escalation.due(now)
    assert (Order(SIGKILL) in sent) == bool(causes)
    assert now <= len(causes) * grace / 8 + 2 * grace + pause + 1e-6

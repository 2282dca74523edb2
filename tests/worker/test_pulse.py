"""Signs of life: a word, or a queue that creeps."""

from podlog.proto.session import Flow
from podlog.worker.pulse import Pulse


def test_three_silent_heartbeats() -> None:
    """A word moves the deadline; a longer period holds from then on."""
    pulse = Pulse(5.0, 100.0)
    assert pulse.alive(114.9) and not pulse.alive(115.0)
    pulse.heard(110.0)
    assert pulse.deadline == 125.0
    pulse.heartbeat_s = 10.0
    assert pulse.deadline == 140.0


def test_a_queue_that_creeps_is_a_sign() -> None:
    """Something waited for over a quarter of a period, and then a part of it went."""
    pulse = Pulse(4.0, 0.0)
    pulse.watch(Flow(1, 2, 0.0), 0.5)
    pulse.watch(Flow(2, 1, 0.0), 0.9)
    assert pulse.deadline == 12.0
    pulse.watch(Flow(3, 1, 0.0), 6.0)
    assert pulse.deadline == 18.0
    pulse.watch(Flow(3, 1, 0.0), 17.0)
    assert pulse.deadline == 18.0


def test_what_goes_at_once_is_none() -> None:
    """The kernel takes a message to a host that is gone, again and again."""
    pulse = Pulse(4.0, 0.0)
    for now in range(1, 12):
        pulse.watch(Flow(now - 1, 1, float(now)), float(now))
        pulse.watch(Flow(now, 0, float(now)), now + 0.1)
    assert pulse.deadline == 12.0

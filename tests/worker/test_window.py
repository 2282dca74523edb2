"""The window: bytes in flight never leak, sending never goes back behind an ack."""

from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.worker.window import Window


def test_sending_pauses_when_full_and_goes_on_with_acks() -> None:
    """Two batches fill it; an ack of the first makes room."""
    window = Window(100)
    window.add(3, 60, 0.0)
    assert window.may_send()
    window.add(5, 60, 0.0)
    assert not window.may_send()
    assert window.sent == 5

    window.ack(4, 0.0)
    assert (window.acked, window.bytes, window.may_send()) == (4, 60, True)


def test_a_batch_larger_than_the_window_still_goes() -> None:
    """An empty window takes a batch of any size, so that nothing is stuck."""
    window = Window(10)
    assert window.may_send()
    window.add(1, 1000, 0.0)
    window.ack(1, 0.0)
    assert window.may_send()


def test_a_new_stream_resends_from_the_greatest_ack() -> None:
    """Reset forgets what is in flight and never goes back behind what was acked."""
    window = Window()
    window.add(9, 10, 0.0)
    window.ack(4, 0.0)
    window.reset(2)
    assert (window.sent, window.acked, window.bytes) == (4, 4, 0)
    window.reset(7)
    assert (window.sent, window.acked) == (7, 7)


def test_the_window_follows_how_long_acks_take() -> None:
    """Quick ones double it, slow ones halve it, within bounds; a new stream begins anew."""
    window = Window(4096, 512)
    assert (window.limit, window.batch_bytes) == (512, 128)
    seq = 0
    steps = ((0.5, 1024), (0.5, 2048), (3.0, 2048), (1.0, 4096), (0.1, 4096), (6.0, 2048))
    for age, limit in steps:
        seq += 1
        window.add(seq, 10, 100.0)
        window.ack(seq, 100.0 + age)
        assert window.limit == limit
    window.ack(seq, 900.0)
    assert window.limit == 2048
    for _ in range(5):
        seq += 1
        window.add(seq, 10, 0.0)
        window.ack(seq, 9.0)
    assert window.limit == 512
    window.reset(seq)
    assert window.limit == 512


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from(["add", "ack", "reset"]), st.integers(0, 20))),
)
def test_bytes_are_those_of_the_batches_behind_the_ack(calls: list[tuple[str, int]]) -> None:
    """The dumb model keeps all batches and sums those not acknowledged."""
    window = Window(50)
    flight: list[tuple[int, int]] = []
    sent = acked = 0
    for call, number in calls:
        if call == "add":
            sent += number
            flight.append((sent, number))
            window.add(sent, number, 0.0)
        elif call == "ack":
            acked = max(acked, number)
            sent = max(sent, acked)
            window.ack(number, 0.0)
        else:
            acked = max(acked, number)
            sent, flight = acked, []
            window.reset(number)
        flight = [batch for batch in flight if batch[0] > acked]
        assert window.bytes == sum(size for _, size in flight)
        assert (window.sent, window.acked) == (sent, acked)
        assert window.may_send() == (window.bytes < 50)

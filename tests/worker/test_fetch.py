"""The fetch thread: order, bounds, waiting, problems, NaN and device errors."""

import numbers
import threading

import jax.numpy as jnp
import numpy as np
import pytest

from podlog.proto.codec import record_body
from podlog.proto.records import Event, Kind, Op, Record
from podlog.worker import values as v
from podlog.worker.drafts import step_states
from podlog.worker.fetch import MOST_CALLS, Fetcher, PendingCall
from podlog.worker.metrics import update_metrics
from podlog.worker.pack import pack_and_reset, pack_local

DEADLINE = 20.0


class Slow:
    """A number that is known only when `ready` is set, as one on a busy device."""

    def __init__(self, value=1.0):
        self.value, self.ready, self.asked = value, threading.Event(), threading.Event()

    def __float__(self):
        self.asked.set()
        assert self.ready.wait(DEADLINE)
        return self.value


numbers.Real.register(Slow)


class Taken:
    """A sink that keeps what it gets."""

    def __init__(self):
        self.calls = []

    def __call__(self, ticket, drafts, found):
        self.calls.append((ticket, drafts, found))

    @property
    def tickets(self):
        return [ticket for ticket, _, _ in self.calls]

    def record(self, at=0):
        draft = self.calls[at][1][0]
        return {s.metric.key: s for s in Record(0, 1, 0, 1, draft).states()}

    def events(self, at=0):
        bodies = [record_body(Record(0, 1, 0, 1, d)) for d in self.calls[at][1][1:]]
        assert all(isinstance(body, Event) for body in bodies)
        return bodies


@pytest.fixture
def taken():
    return Taken()


@pytest.fixture
def fetcher(taken):
    fetcher = Fetcher(taken, process=2, process_count=4, host="node2", pending_steps=2)
    fetcher.start()
    yield fetcher
    assert fetcher.close(DEADLINE)


def call(ticket, metrics, kind=Kind.HOST, *, step=10, **more):
    packed = None if metrics is None else pack_local(metrics)
    return PendingCall(
        ticket=ticket, kind=kind, mode="train", step=step, epoch=1, time=5.0, packed=packed, **more
    )


def test_a_step_becomes_a_record(fetcher, taken):
    """Values of the tree come first, sorted, then the extras, under the call's step and time."""
    tree = update_metrics(None, {"loss": jnp.float32(2), "acc": {"value": 3, "count": 4}})
    packed, _ = pack_and_reset(tree)
    own = {}
    item = PendingCall(
        ticket=7,
        kind=Kind.STEP,
        mode="train",
        step=10,
        epoch=1,
        time=5.0,
        packed=packed,
        extras=step_states(1, 0.25),
        on_values=own.update,
    )
    fetcher.submit(item)
    assert fetcher.wait(7, DEADLINE)
    assert {k: s.columns for k, s in taken.record().items()} == {
        "acc": (3, 4),
        "loss": (2.0, 1),
        "epoch": (1, 1),
        "step_time": (0.25,),
    }
    assert list(taken.record()) == ["acc", "loss", "epoch", "step_time"]
    draft = taken.calls[0][1][0]
    assert (draft.schema.kind, draft.step, draft.n, draft.time) == (Kind.STEP, 10, 0, 5.0)
    assert own == {"acc": 0.75, "loss": 2.0, "epoch": 1, "step_time": 0.25}


def test_host_calls_keep_counters_and_occurrences(fetcher, taken):
    """Running totals go on over calls; each call has its number, each key its occurrence."""
    for ticket in (1, 2):
        fetcher.submit(call(ticket, {"tokens": v.Counter(5), "lr": 0.1}))
    assert fetcher.drain(DEADLINE)
    assert [taken.record(i)["tokens"].columns for i in (0, 1)] == [(5,), (10,)]
    assert [taken.calls[i][1][0].n for i in (0, 1)] == [0, 1]
    assert [taken.calls[i][1][0].occurrences for i in (0, 1)] == [(), (1, 1)]
    assert fetcher.counters == {"tokens": 10}


def test_submit_does_not_wait_for_values(fetcher, taken):
    """Calls return at once; waiting for one has a deadline; order is that of submission."""
    slow = Slow()
    fetcher.submit(call(1, {"x": slow}))
    fetcher.submit(call(2, {"x": 1.0}))
    assert slow.asked.wait(DEADLINE)
    assert fetcher.pending == 2
    assert not fetcher.wait(2, 0.01)
    assert not fetcher.drain(0.01)
    slow.ready.set()
    assert fetcher.wait(2, DEADLINE)
    assert taken.tickets == [1, 2]


def test_a_step_over_the_bound_fetches_the_oldest_itself(taken):
    """With pending_steps un-fetched steps, submit handles the oldest, in order, and counts it."""
    fetcher = Fetcher(taken, pending_steps=2)
    for ticket in range(1, 6):
        fetcher.submit(call(ticket, {"x": 1.0}, Kind.STEP))
    assert taken.tickets == [1, 2, 3]
    assert fetcher.stats()["fetched_by_caller"] == 3
    fetcher.submit(call(6, {"x": 1.0}, Kind.HOST))
    assert taken.tickets == [1, 2, 3]
    fetcher.start()
    assert fetcher.close(DEADLINE)
    assert taken.tickets == [1, 2, 3, 4, 5, 6]


def test_a_helping_caller_keeps_the_order(fetcher, taken):
    """While the thread waits for step 1, a caller over the bound does not overtake it."""
    slow = Slow()
    fetcher.submit(call(1, {"x": slow}, Kind.STEP))
    fetcher.submit(call(2, {"x": 1.0}, Kind.STEP))
    assert slow.asked.wait(DEADLINE)
    caller = threading.Thread(target=fetcher.submit, args=(call(3, {"x": 1.0}, Kind.STEP),))
    caller.start()
    slow.ready.set()
    caller.join(DEADLINE)
    assert fetcher.drain(DEADLINE)
    assert taken.tickets == [1, 2, 3]


def test_problems_become_events_once(fetcher, taken):
    """A bad metric is named once a (mode, key); the rest of each call is logged."""
    for ticket in (1, 2):
        fetcher.submit(call(ticket, {"bad": None, "good": 1.0}))
    assert fetcher.drain(DEADLINE)
    (event,) = taken.events(0)
    assert (event.name, event.mode, event.key) == ("metric_error", "train", "bad")
    assert "process 2 (node2): bad at step 10 of train: a value of type NoneType" in event.text
    assert taken.events(1) == []
    assert [list(taken.record(i)) for i in (0, 1)] == [["good"], ["good"]]
    assert fetcher.stats()["problems"] == 2


def test_nan_is_found_and_attributed(fetcher, taken):
    """A NaN goes to the sink at each call and into one event that names its process and key."""
    for ticket in (1, 2):
        fetcher.submit(call(ticket, {"x": {"mean": {"value": np.nan, "count": 1}}}, Kind.STEP))
    fetcher.submit(call(3, {"y": -np.inf}))
    assert fetcher.drain(DEADLINE)
    founds = [found for _, _, found in taken.calls]
    assert [(f.kind, f.step, f.findings[0].key, f.findings[0].nan) for f in founds] == [
        (Kind.STEP, 10, "x_mean", True),
        (Kind.STEP, 10, "x_mean", True),
        (Kind.HOST, 10, "y", False),
    ]
    assert not founds[0].findings[0].everywhere
    assert [[event.name for event in taken.events(i)] for i in range(3)] == [["nan"], [], ["inf"]]
    assert "process 2 (node2): NaN in x_mean at step 10" in taken.events(0)[0].text


def test_a_new_training_is_warned_anew(fetcher, taken):
    """After forget_warnings the same NaN is an event again."""
    fetcher.submit(call(1, {"x": np.nan}))
    assert fetcher.drain(DEADLINE)
    fetcher.forget_warnings()
    fetcher.submit(call(2, {"x": np.nan}))
    assert fetcher.drain(DEADLINE)
    assert [len(taken.events(i)) for i in (0, 1)] == [1, 1]


def test_a_device_error_costs_one_calls_values(fetcher, taken):
    """What cannot be fetched is an event; the record holds the extras; the thread lives on."""
    item = call(1, {"x": jnp.float32(1)}, Kind.STEP, extras=step_states(1, None))
    item.packed.vectors[0][1][0].delete()
    fetcher.submit(item)
    fetcher.submit(call(2, {"x": 1.0}))
    assert fetcher.drain(DEADLINE)
    assert list(taken.record(0)) == ["epoch"]
    assert "could not be fetched" in taken.events(0)[0].text
    assert list(taken.record(1)) == ["x"]
    assert fetcher.stats()["failed_fetches"] == 1


def test_a_failing_sink_does_not_end_the_thread(caplog):
    """Whatever the sink raises is logged, the next call is handled, waiting ends."""

    def sink(ticket, drafts, found):
        if ticket == 1:
            raise OSError("disk")

    fetcher = Fetcher(sink)
    fetcher.start()
    fetcher.submit(call(1, {"x": 1.0}))
    fetcher.submit(call(2, {"x": 1.0}))
    assert fetcher.wait(1, DEADLINE)
    assert fetcher.close(DEADLINE)
    assert "its record is lost" in caplog.text


def test_close_fetches_what_is_left(taken):
    """Closing drains; it is safe twice, and without start nothing hangs."""
    fetcher = Fetcher(taken)
    assert fetcher.close(0.1)
    fetcher = Fetcher(taken)
    fetcher.start()
    fetcher.submit(call(1, None, Kind.EPOCH, extras=step_states(1, None)))
    assert fetcher.close(DEADLINE)
    assert fetcher.close(DEADLINE)
    fetcher.submit(call(2, {"x": 1.0}))
    assert fetcher.wait(2, DEADLINE)
    assert fetcher.stats()["refused"] == 1
    assert taken.tickets == [1]
    assert taken.record()["epoch"].metric.op is Op.SINGLE


def test_close_has_a_deadline(taken):
    """A call that never comes does not hold close beyond its timeout."""
    slow = Slow()
    fetcher = Fetcher(taken)
    fetcher.start()
    fetcher.submit(call(1, {"x": slow}))
    assert not fetcher.close(0.05)
    slow.ready.set()
    assert fetcher.close(DEADLINE)


def test_a_loop_that_logs_faster_than_it_is_fetched_is_bounded(taken):
    """Without a thread that fetches, the caller does it, in order, and it is counted."""
    fetcher = Fetcher(taken, process=2, process_count=4, host="node2", pending_steps=2)
    for ticket in range(MOST_CALLS + 10):
        assert fetcher.submit(call(ticket, {"a": 1.0}))
    assert fetcher.pending == MOST_CALLS
    assert taken.tickets == list(range(10))
    assert fetcher.stats()["fetched_by_caller"] == 10

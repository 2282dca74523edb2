"""The gates of a training thread: what they say, what they send, how long they hold."""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from kit_gates import found, gate_of
from kit_until import until

from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind
from podlog.worker import Logger
from podlog.worker.agreement import Passed
from podlog.worker.gate import Gate

GO, STOP, NANS = Passed(False, False), Passed(False, True), Passed(True, False)


def _requests(gate: Gate) -> list[pb.StopRequest]:
    return [m["stop_request"] for m in gate.messages() if "stop_request" in m]


def _answers(gate: Gate) -> list[tuple[int, int, bool]]:
    said = [m["stop_answer"] for m in gate.messages() if "stop_answer" in m]
    return [(a.id, a.gate, a.outcome) for a in said]


class Thread:
    """A training thread in one gate."""

    def __init__(self, gate: Gate, step: int) -> None:
        self.passed: Passed | None = None
        self.began = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(gate, step))
        self._thread.start()

    def _run(self, gate: Gate, step: int) -> None:
        self.passed = gate.pass_gate(step)
        self.took = time.monotonic() - self.began

    def join(self) -> Passed | None:
        self._thread.join(20.0)
        return self.passed


@pytest.fixture
def held() -> Iterator[Callable[[Gate, int], Thread]]:
    """Starts a thread that is in the gate when this returns."""
    threads = []

    def start(gate: Gate, step: int) -> Thread:
        thread = Thread(gate, step)
        threads.append(thread)
        until(lambda: gate._agreement._holds)
        return thread

    yield start
    for thread in threads:
        thread.join()


# ------------------------------------------------------------------- in a pod


@pytest.mark.parametrize(
    ("policies", "nan", "everywhere", "asked", "at_once"),
    [
        ({}, True, True, None, True),
        ({}, True, False, (False, True, "nan"), False),
        ({"nan": "stop"}, True, True, (True, True, "nan"), True),
        ({"nan": "stop"}, True, False, (True, True, "nan"), False),
        ({"nan": "stop"}, False, False, None, False),
        ({"inf": "stop"}, False, True, (True, True, "inf"), True),
        ({"inf": "stop"}, False, False, (True, True, "inf"), False),
    ],
)
def test_what_is_found_in_a_pod(
    policies: dict[str, str],
    nan: bool,
    everywhere: bool,
    asked: tuple[bool, bool, str] | None,
    at_once: bool,
) -> None:
    """What all see is found at once; a stop, and what some see, is asked for."""
    gate = gate_of(**policies)
    gate.found(found(nan=nan, everywhere=everywhere))
    assert [(r.stop, r.nans, r.kind) for r in _requests(gate)] == ([asked] if asked else [])
    assert gate.pass_gate(4) == Passed(at_once, False)


def test_a_nan_of_a_host_record_counts_only_under_stop() -> None:
    """It is this process's own."""
    for policy, count in (("warn", 0), ("stop", 1)):
        gate = gate_of(nan=policy)
        gate.found(found(everywhere=False, kind=Kind.HOST))
        assert len(_requests(gate)) == count


def test_what_was_handed_in_before_a_training_is_not_found_in_it() -> None:
    """However late it is looked at: else one process would find it, and another not."""
    gate = gate_of()
    gate.training_started(5)
    gate.messages()
    gate.found(found(everywhere=True, ticket=5))
    gate.found(found(everywhere=False, ticket=4))
    assert gate.pass_gate(0) == GO
    assert gate.messages() == []
    gate.found(found(everywhere=True, ticket=6))
    assert gate.pass_gate(0) == NANS


def test_requests_wake_the_link_and_are_sent_again_at_each_connect() -> None:
    """Until an outcome covers them."""
    gate = gate_of()
    woken: list[bool] = []
    gate.wake = lambda: woken.append(True)
    gate.request("preempted", "SIGTERM", 7)
    gate.request("request", "me too", 8)
    assert len(woken) == 1
    (asked,) = _requests(gate)
    assert (asked.kind, asked.text, asked.step, asked.training) == ("preempted", "SIGTERM", 7, 0)
    assert _requests(gate) == []
    gate.receive(pb.StopProposal(id=1))
    gate.reconnected()
    assert _requests(gate) == [asked]
    gate.receive(pb.StopOutcome(id=1, decided=True, step=9, stop=True))
    gate.reconnected()
    assert gate.messages() == []


def test_the_start_of_a_training_is_said() -> None:
    """With id 0, and at once: the agreement is of one training."""
    gate = gate_of()
    gate.training_started(0)
    (said,) = [m["stop_answer"] for m in gate.messages()]
    assert (said.id, said.gate, said.training) == (0, -1, 1)
    assert gate.training == 1


# ----------------------------------------------------------------- real threads


def test_a_held_gate_wakes_with_the_outcome(held: Callable[[Gate, int], Thread]) -> None:
    """And says what was decided; another process may be in evaluation, it answers as well."""
    gate = gate_of()
    gate.pass_gate(7)
    gate.receive(pb.StopProposal(id=1, stop=True))
    assert _answers(gate) == [(1, 7, False)]
    thread = held(gate, 8)
    gate.receive(pb.StopOutcome(id=1, decided=True, step=8, stop=True))
    assert thread.join() == STOP
    assert thread.took < 15.0
    assert _answers(gate) == [(1, 7, True)]
    assert gate.last_gate == 8


def test_a_held_gate_is_passed_at_its_deadline() -> None:
    """Counted from the receipt of the proposal; the next one is not held."""
    gate = gate_of(timeout_s=0.3)
    received = time.monotonic()
    gate.receive(pb.StopProposal(id=1, stop=True))
    thread = Thread(gate, 8)
    assert thread.join() == GO
    assert 0.29 <= thread.began + thread.took - received < 5.0
    assert gate.pass_gate(9) == GO


def test_a_newer_proposal_lets_a_held_gate_pass(held: Callable[[Gate, int], Thread]) -> None:
    """It is named in the answer."""
    gate = gate_of()
    gate.receive(pb.StopProposal(id=1, stop=True))
    thread = held(gate, 8)
    gate.receive(pb.StopProposal(id=2, stop=True))
    assert thread.join() == GO
    assert _answers(gate) == [(1, -1, False), (2, 8, False)]


def test_a_withdrawn_proposal_lets_a_held_gate_pass(held: Callable[[Gate, int], Thread]) -> None:
    """A connection that breaks in between changes nothing."""
    gate = gate_of()
    gate.receive(pb.StopProposal(id=1, stop=True))
    thread = held(gate, 8)
    gate.reconnected()
    gate.receive(pb.StopOutcome(id=1))
    assert thread.join() == GO


def test_a_signal_handler_may_ask_while_its_thread_is_held() -> None:
    """The main thread is in the gate; no lock is taken twice."""
    gate = gate_of(timeout_s=1.0)
    gate.receive(pb.StopProposal(id=1))
    before = signal.signal(signal.SIGUSR1, lambda *_: gate.request("request", "a signal", 1))
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGUSR1))
    timer.start()
    try:
        assert gate.pass_gate(1) == GO
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert [r.text for r in _requests(gate)] == ["a signal"]


def test_a_loop_without_gates_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Since it would run on while the others wait for it."""
    gate = gate_of()
    gate.receive(pb.StopOutcome(id=1, decided=True, step=120, stop=True))
    gate.at = lambda: 120
    gate.messages()
    gate.at = lambda: 121
    gate.messages()
    gate.messages()
    assert [r.getMessage() for r in caplog.records] == [
        "stop step 120 is agreed, but this loop asks neither should_stop nor found_nans"
    ]


def test_the_step_of_a_gate_is_the_loops() -> None:
    """Of log_step and should_stop; where a loop has neither, its gates are counted.

    Host metrics do not count: they may be of one process alone.
    """
    with Logger(LoggerConfig(log_every_n_steps=50)) as logger:
        gate = logger._training._gate
        logger.on_training_start()
        logger.log_host_metrics({"a": 1.0}, 400)
        assert not logger.found_nans
        assert not logger.found_nans
        assert gate.last_gate == 2
        assert not logger.should_stop(10)
        assert not logger.found_nans
        assert gate.last_gate == 10
        logger.log_step({}, 50)
        assert not logger.found_nans
        assert gate.last_gate == 50
        logger.on_training_start()
        assert not logger.found_nans
        assert gate.last_gate == 1
        logger.request_stop("enough")
        assert logger.should_stop(51)

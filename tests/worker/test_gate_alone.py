"""The gates of a process that is alone: nothing is agreed, all comes true at once."""

import pytest
from kit_gates import found, gate_of

from podlog.proto.config import LoggerConfig
from podlog.proto.records import Kind
from podlog.worker import Logger
from podlog.worker.agreement import Passed
from podlog.worker.ending import Ending

GO, STOP, NANS = Passed(False, False), Passed(False, True), Passed(True, False)


def test_alone_everything_comes_true_at_once() -> None:
    """Nothing is asked and nothing is said."""
    gate = gate_of(1, nan="stop")
    assert gate.pass_gate(1) == GO
    gate.found(found(everywhere=True))
    assert gate.pass_gate(2) == Passed(True, True)
    gate.training_started(1)
    assert gate.pass_gate(0) == GO
    gate.request("request", "enough", 0)
    assert gate.pass_gate(1) == STOP
    assert gate.messages() == []


def test_alone_a_nan_under_warn_does_not_stop() -> None:
    """It is found; in a host record not even that."""
    gate = gate_of(1)
    gate.found(found(everywhere=True, kind=Kind.HOST))
    gate.found(found(everywhere=True, nan=False))
    assert gate.pass_gate(1) == GO
    gate.found(found(everywhere=True))
    assert gate.pass_gate(1) == NANS


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("nan", "nan", "'loss' is NaN at step 3; it stopped at step 4"),
        ("preempted", "preempted", "SIGTERM; it stopped at step 4"),
        ("request", "success", ""),
    ],
)
def test_alone_a_success_counts_as_what_stopped_it(kind: str, status: str, text: str) -> None:
    """The first that counts, with where; what says more than success stays, as does a pod's."""
    gate, pod = gate_of(1, nan="stop"), gate_of(2, nan="stop")
    for each in (gate, pod):
        if kind == "nan":
            each.found(found(everywhere=True))
        else:
            each.request(kind, "SIGTERM", 3)
        each.request("preempted" if kind == "nan" else "request", "later", 3)
    assert gate.pass_gate(4).stop
    assert gate.pass_gate(5).stop
    assert gate.ending(Ending("success")) == Ending(status, text)
    assert gate.ending(Ending("failure", "boom")) == Ending("failure", "boom")
    assert gate.ending(Ending("nan", "own")) == Ending("nan", "own")
    assert pod.ending(Ending("success")) == Ending("success")
    gate.training_started(1)
    assert gate.ending(Ending("success")) == Ending("success")


@pytest.mark.parametrize("status", ["success", "nan"])
def test_alone_the_verdict_names_what_stopped_the_training(status: str) -> None:
    """And where; also if it was found only when all is flushed."""
    with Logger(LoggerConfig(nan="stop")) as logger:
        logger.on_training_start()
        logger.log_host_metrics({"loss": float("nan")}, 7)
        if status == "nan":
            assert logger.should_stop(8)
        verdict = logger.finalize(status)
    assert (verdict.status, verdict.final) == ("nan", True)
    assert "nan ('loss' is NaN at step 7" in verdict.root_cause
    assert ("it stopped at step 8" in verdict.root_cause) == (status == "nan")

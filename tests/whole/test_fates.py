"""Every way in which a job of four can end has one verdict, wherever one looks."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit_fates import SCRIPT, Fate, until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(150)]

Begin = Callable[[str], Fate]


@pytest.fixture
def begin(start_job: Callable[..., Any], tmp_path: Path) -> Begin:
    """Starts a job of four that ends so."""
    return lambda ending: Fate(start_job(SCRIPT, 4, ending, str(tmp_path)), tmp_path)


def test_success(begin: Begin) -> None:
    """All finalize with success: all read it, the tool is told once."""
    fate = begin("success")
    fate.check("success", "", 0)
    assert sorted(fate.read) == [0, 1, 2, 3]
    assert fate.told == ["success"]


def test_an_exception_in_one_while_the_others_are_in_a_collective(begin: Begin) -> None:
    """It is reported at once; the others are stopped, none of them is a cause."""
    fate = begin("exception")
    fate.check("failure", "process 3", 1)
    assert "boom" in fate.verdict.root_cause
    assert fate.told == ["failure"]
    assert any("ValueError: boom" in line for line in fate.log)
    assert "process 3" in fate.job.output


@pytest.mark.parametrize(("ending", "code"), [("early", 1), ("early-exit", 3)])
def test_one_ends_before_its_logger(begin: Begin, ending: str, code: int) -> None:
    """JAX's barrier does not hold it, so that its exit code is the cause; nobody waits for it."""
    fate = begin(ending)
    fate.check("failure", "process 3", 1)
    assert f"exit code {code}" in fate.verdict.root_cause
    assert ("FileNotFoundError: no images here" in fate.job.output) == (ending == "early")


def test_sys_exit_in_one(begin: Begin) -> None:
    """Its exit code is the cause, though JAX holds the process at its shutdown."""
    fate = begin("exit")
    fate.check("failure", "process 1", 1)
    assert "exit code 3" in fate.verdict.root_cause
    assert fate.told == ["failure"]


def test_sigkill_of_one_in_a_collective_loop(begin: Begin) -> None:
    """It is lost; what its peers raise is a consequence."""
    fate = begin("killed")
    fate.check("lost", "process 2", 70)
    assert "SIGKILL" in fate.verdict.root_cause
    assert fate.told == ["lost"]


def test_sigkill_of_process_0(begin: Begin) -> None:
    """It is lost; that JAX then aborts the others is a consequence."""
    fate = begin("killed-first")
    fate.check("lost", "process 0", 70)
    assert "SIGKILL" in fate.verdict.root_cause
    assert fate.told == ["lost"]


def test_sigstop_then_sigcont(begin: Begin) -> None:
    """The stopped one is stalled, the others wait for it; it goes on, and all is well."""
    fate = begin("stopped")
    stopped = fate.pid(1)
    os.kill(stopped, signal.SIGSTOP)
    try:
        until(lambda: bool(fate.events("stalled")), 60, fate.job)
    finally:
        os.kill(stopped, signal.SIGCONT)
    until(lambda: bool(fate.events("goes_on")), 30, fate.job)
    fate.go()
    fate.check("success", "", 0)
    assert sorted(fate.read) == [0, 1, 2, 3]
    assert fate.told == ["success"]
    (process, text), *_ = fate.events("stalled")
    assert process == 1
    assert "process 1" in text


def test_the_coordinator_stopped_and_goes_on(begin: Begin) -> None:
    """It blames nobody for what it did not see itself."""
    fate = begin("stopped")
    fate.pid(1)
    (coordinator,) = fate.job.coordinators()
    coordinator.suspend()
    try:
        threading.Event().wait(5)
    finally:
        coordinator.resume()
    threading.Event().wait(2)
    fate.go()
    fate.check("success", "", 0)
    assert fate.events("stalled") + fate.events("behind") + fate.events("lost") == []


def test_nan_on_one(begin: Begin) -> None:
    """All four leave at the same step, and the one with the NaN is named."""
    fate = begin("nan")
    fate.check("nan", "process 2", 65)
    assert sorted(fate.read) == [0, 1, 2, 3]
    assert len({step for _, step in fate.read.values()}) == 1
    assert "loss" in fate.verdict.root_cause
    assert fate.told == ["nan"]


def test_sigterm_to_all(begin: Begin) -> None:
    """A preemption: all leave at the same step."""
    fate = begin("preempted")
    fate.signal_all(signal.SIGTERM)
    fate.check("preempted", "", 75)
    assert sorted(fate.read) == [0, 1, 2, 3]
    assert len({step for _, step in fate.read.values()}) == 1
    assert fate.told == ["preempted"]


def test_ctrl_c_at_the_launcher(begin: Begin) -> None:
    """It is interrupted, whatever the processes say."""
    fate = begin("interrupted")
    fate.pid(0)
    fate.job.process.send_signal(signal.SIGINT)
    fate.check("interrupted", "SIGINT", 130)
    assert fate.told == ["interrupted"]


def test_one_never_arrives(begin: Begin) -> None:
    """The others give up in JAX's rendezvous; the last lines name the one that did not come."""
    fate = begin("never")
    fate.check("lost", "process 3", 70)
    assert "never arrived" in fate.verdict.root_cause
    assert "process 3" in "\n".join(fate.job.output.splitlines()[-3:])


def test_three_of_four_finalize(begin: Begin) -> None:
    """The fourth ends without: unfinished, and the three read so."""
    fate = begin("three")
    fate.check("unfinished", "process 3", 1)
    assert sorted(fate.read) == [0, 1, 2]
    assert fate.told == ["unfinished"]

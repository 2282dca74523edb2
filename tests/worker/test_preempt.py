"""A preemption notice becomes a stop request."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kit_until import until

from podlog.cluster import pod
from podlog.worker import preempt
from podlog.worker.preempt import Preemption


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preempt, "_POLL_S", 0.05)


@pytest.fixture
def sigterm() -> Iterator[list[int]]:
    """What handled SIGTERM before: it notes its number."""
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    yield seen
    signal.signal(signal.SIGTERM, before)


def note(asked: list[tuple[str, str]]) -> Callable[[str, str], None]:
    """Takes requests."""
    return lambda kind, why: asked.append((kind, why))


def test_a_notice_is_asked_for_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    """So that the next training hears of it as well; people are told once."""
    asked: list[tuple[str, str]] = []
    preemption = Preemption(note(asked), lambda: "a notice").begin(sigterm=False)
    until(lambda: len(asked) >= 3)
    preemption.close()
    preemption.close()
    assert set(asked) == {("preempted", "a notice")}
    assert len(caplog.records) == 1


def test_after_a_failure_it_is_the_launcher_that_ends_the_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A stop then counts as no preemption, and nobody is told of one."""
    asked: list[tuple[str, str]] = []
    notice = Preemption(note(asked), lambda: "a notice", lambda: "process 3").begin(sigterm=False)
    until(lambda: len(asked) >= 2)
    notice.close()
    assert set(asked) == {("request", "process 3 failed")}
    assert caplog.messages == ["this process is told to end, since process 3 failed"]


def test_what_fails_to_be_looked_at_is_looked_at_again() -> None:
    """Nothing ends the thread before close."""
    asked: list[tuple[str, str]] = []
    answers = iter([None, OSError("gone"), "a notice"])

    def notice() -> str | None:
        answer = next(answers, None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    preemption = Preemption(note(asked), notice).begin(sigterm=False)
    until(lambda: asked)
    preemption.close()
    assert asked == [("preempted", "a notice")]


def test_sigterm_is_taken_chained_and_given_back(sigterm: list[int]) -> None:
    """The handler before it is called too."""
    before = signal.getsignal(signal.SIGTERM)
    asked: list[tuple[str, str]] = []
    preemption = Preemption(note(asked), None).begin(sigterm=True)
    os.kill(os.getpid(), signal.SIGTERM)
    until(lambda: asked)
    preemption.close()
    assert asked[0] == ("preempted", "SIGTERM")
    assert sigterm == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_is_left_to_jax(sigterm: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its handler tells the pod; ours would replace it."""
    monkeypatch.setattr(pod, "handles_sigterm", lambda: True)
    before = signal.getsignal(signal.SIGTERM)
    preemption = Preemption(lambda kind, why: None, None).begin(sigterm=True)
    assert signal.getsignal(signal.SIGTERM) is before
    assert not any(t.name == "podlog-preempt" for t in threading.enumerate())
    preemption.close()


def test_off_the_main_thread_sigterm_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """And that is said."""
    thread = threading.Thread(
        target=lambda: Preemption(lambda kind, why: None, None).begin(sigterm=True).close()
    )
    thread.start()
    thread.join(10.0)
    assert "main thread" in caplog.text


SCRIPT = """
import os, signal, sys, time
from podlog.worker import preempt
asked = []
preemption = preempt.Preemption(lambda kind, why: asked.append(why), None).begin(sigterm=True)
here, there = os.pipe()
child = os.fork()
if not child:
    os.write(there, b"1")
    time.sleep(60)
os.read(here, 1)  # Python forgets signals that come while it forks
os.kill(child, signal.SIGTERM)
print("child", os.waitpid(child, 0)[1])
os.kill(os.getpid(), signal.SIGTERM)
while not asked:
    time.sleep(0.01)
preemption.close()
print(asked[0], flush=True)
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_process_without_a_handler_goes_on_and_its_children_do_not() -> None:
    """SIGTERM ends a forked child as ever, and the process itself once podlog is closed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, timeout=50
    )
    assert done.stdout.split("\n")[:2] == [f"child {signal.SIGTERM}", "SIGTERM"], done.stderr
    assert done.returncode == -signal.SIGTERM


class _Client:
    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def key_value_try_get(self, key: str) -> str:
        assert key == "RECEIVED_PREEMPTION_NOTICE"
        if self._error is not None:
            raise self._error
        return "/job:jax_worker/task:1"


@pytest.mark.parametrize(
    ("state", "notice"),
    [
        (None, None),
        (SimpleNamespace(client=_Client(RuntimeError("NOT_FOUND"))), None),
        (SimpleNamespace(client=object()), None),
        (SimpleNamespace(client=_Client(None)), "JAX's preemption notice (/job:jax_worker/task:1)"),
    ],
)
def test_the_notice_of_jax(state: Any, notice: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not there, not known to this JAX, or there."""
    monkeypatch.setattr(pod, "joined", lambda: state)
    assert pod.preempted() == notice
    assert pod.handles_sigterm() is False

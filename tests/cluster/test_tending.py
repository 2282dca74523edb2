"""How a launcher sees its processes to their end, with real processes."""

import errno
import io
import os
import queue
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGABRT, SIGHUP, SIGINT, SIGKILL, SIGTERM

import pytest
from kit_until import until

from podlog.cluster.tending import Tending
from podlog.proto.control import Ended, FirstSign, ProcessExit

PREAMBLE = """
import os, signal, sys, time
def up():
    open(f"up-{sys.argv[1]}", "w").close()
def wait(name):
    while not os.path.exists(name):
        time.sleep(0.01)
"""
SLEEPS = "up(); time.sleep(60)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); up(); time.sleep(60)"


class Tended:
    """A `Tending` whose processes run in `folder`, and what it reported."""

    def __init__(self, folder: Path, grace: float) -> None:
        self.tending = Tending(grace)
        self.put = self.tending.put
        self._folder = folder
        self._reports: queue.SimpleQueue[ProcessExit] = queue.SimpleQueue()

    def start(self, *codes: str) -> None:
        """Starts a process for each, which may call `up` and `wait`."""
        for index, code in enumerate(codes):
            text = f"import os; os.chdir({str(self._folder)!r})\n{PREAMBLE}"
            command = [sys.executable, "-c", text + textwrap.dedent(code), str(index)]
            self.tending.children.start(index, command, os.environ)

    def up(self, *indices: int) -> None:
        """Waits until those called `up`."""
        until(lambda: all((self._folder / f"up-{i}").exists() for i in indices))

    def touch(self, name: str) -> None:
        """Ends a `wait`."""
        (self._folder / name).touch()

    def watch(self, on_signal: Callable[[int], None] = lambda _: None) -> dict[int, ProcessExit]:
        """Until all have ended; their exits."""
        self.tending.watch(self._reports.put, on_signal)
        found = {}
        while not self._reports.empty():
            exit_ = self._reports.get()
            found[exit_.process] = exit_
        return found


@pytest.fixture
def tend(tmp_path: Path) -> Iterator[Callable[..., Tended]]:
    """Makes a `Tended`; its processes are ended with the test."""
    made: list[Tended] = []

    def make(grace: float = 20.0) -> Tended:
        made.append(Tended(tmp_path, grace))
        return made[-1]

    yield make
    for each in made:
        each.tending.close()


def test_all_end_well(tend: Callable[..., Tended], capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is said and nobody is stopped."""
    tended = tend()
    tended.start("pass", "pass")
    exits = tended.watch()
    assert {i: (e.code, e.caused) for i, e in exits.items()} == {0: (0, True), 1: (0, True)}
    assert tended.tending.failed == []
    assert capfd.readouterr().err == ""


def test_a_first_sign_stops_the_others_at_once_and_its_process_after_the_grace(
    tend: Callable[..., Tended], capfd: pytest.CaptureFixture[str]
) -> None:
    """It may hang in JAX's shutdown: it is ended too, and that is not taken for its cause."""
    tended = tend(grace=1.0)
    tended.start(SLEEPS, SLEEPS, DEAF)
    tended.up(0, 1, 2)
    tended.put(FirstSign(1, "failure", "ValueError: boom", "alpha"))
    began = time.monotonic()
    exits = tended.watch()
    assert [exits[i].signal for i in range(3)] == [SIGTERM, SIGTERM, SIGKILL]
    assert [exits[i].caused for i in range(3)] == [False, False, False]
    assert 1.0 <= time.monotonic() - began < 10.0
    said = capfd.readouterr().err.splitlines()
    assert said == ["podlog: process 1 on alpha: failure (ValueError: boom): stopping the other 2"]


def test_one_that_was_killed_is_a_cause_though_it_was_told_to_stop(
    tend: Callable[..., Tended],
) -> None:
    """Its peers may tell of its end before we know of it: the SIGKILL was not ours."""
    tended = tend()
    tended.start(DEAF)
    tended.up(0)
    tended.put(FirstSign(1, "failure", "ValueError: connection reset by peer", "alpha"))
    pid = tended.tending.children._processes[0].pid
    killer = threading.Timer(0.5, os.kill, [pid, SIGKILL])
    killer.start()
    exits = tended.watch()
    killer.join()
    assert (exits[0].signal, exits[0].caused) == (SIGKILL, True)


def test_who_failed_ends_by_itself_in_that_time(tend: Callable[..., Tended]) -> None:
    """Its own exit code is told as its own doing."""
    tended = tend()
    tended.start(
        "up(); wait('up-1'); signal.sigwait([]) if 0 else wait('end'); sys.exit(4)", SLEEPS
    )
    tended.up(0, 1)
    tended.put(FirstSign(0, "failure", "boom"))
    ender = threading.Timer(0.5, tended.touch, ["end"])
    ender.start()
    exits = tended.watch()
    ender.join()
    assert (exits[0].code, exits[0].caused) == (4, True)
    assert (exits[1].signal, exits[1].caused) == (SIGTERM, False)
    assert [e.process for e in tended.tending.failed] == [0]


def test_an_exit_and_its_sign_are_said_once(
    tend: Callable[..., Tended], capfd: pytest.CaptureFixture[str]
) -> None:
    """Its own sign is not said again; the sign of another one is said too."""
    tended = tend()
    tended.start("wait('up-1'); sys.exit(3)", "up(); wait('go'); sys.exit(0)", DEAF)
    tended.up(1, 2)

    def signs() -> None:
        until(lambda: tended.tending.failed)
        tended.put(FirstSign(0, "failure", "it ended with exit code 3"))
        tended.put(FirstSign(2, "lost", "unheard for 30 s"))
        tended.put(SIGINT)
        tended.put(SIGINT)

    teller = threading.Thread(target=signs)
    teller.start()
    tended.watch()
    teller.join()
    said = capfd.readouterr().err.splitlines()
    assert said[:2] == [
        "podlog: process 0 ended with exit code 3: stopping the other 2",
        "podlog: process 2: lost (unheard for 30 s)",
    ]
    assert all("SIGINT received" in line for line in said[2:]), said


class Gone(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_terminal_that_is_gone_changes_nothing(
    tend: Callable[..., Tended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGHUP comes with it: the processes have their grace all the same."""
    tended = tend()
    tended.start("signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); up(); time.sleep(60)")
    tended.up(0)
    monkeypatch.setattr(sys, "stderr", Gone())
    tended.put(SIGHUP)
    assert tended.watch()[0].code == 7


@pytest.mark.parametrize("status", ["failure", "lost"])
def test_who_is_left_after_a_bad_end_is_stopped_a_grace_later(
    tend: Callable[..., Tended], status: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The coordinator has settled; there is nothing to wait for."""
    tended = tend(grace=0.5)
    tended.start(DEAF, "up()")
    tended.up(0)
    tended.put(Ended(status))
    began = time.monotonic()
    exits = tended.watch()
    assert (exits[0].signal, exits[0].caused) == (SIGKILL, False)
    assert 1.0 <= time.monotonic() - began < 10.0
    assert "the job has ended" in capfd.readouterr().err


@pytest.mark.parametrize("status", ["success", "nan", "unfinished"])
def test_who_is_left_after_a_good_end_is_waited_for(
    tend: Callable[..., Tended], status: str
) -> None:
    """A script may have more to do behind its last word, e.g. to save what it learned."""
    tended = tend(grace=0.1)
    tended.start("up(); wait('go')")
    tended.up(0)
    tended.put(Ended(status))
    threading.Timer(1.0, tended.touch, ["go"]).start()
    exits = tended.watch()
    assert (exits[0].code, exits[0].caused) == (0, True)


def test_those_that_abort_with_another_are_not_stopped_first(tend: Callable[..., Tended]) -> None:
    """JAX aborts all once one is missing: who was stopped is told from who aborted."""
    tended = tend(grace=20.0)
    aborts = "up(); wait('up-2'); time.sleep({}); os.abort()"
    tended.start(aborts.format(0), aborts.format(0.5), SLEEPS)
    exits = tended.watch()
    assert [exits[i].signal for i in range(3)] == [SIGABRT, SIGABRT, SIGTERM]
    assert [exits[i].caused for i in range(3)] == [True, True, False]


def test_signals_are_passed_on_and_told(tend: Callable[..., Tended]) -> None:
    """Ends that follow one are told with it, and are not caused; a second one kills."""
    tended = tend()
    tended.start("signal.signal(signal.SIGINT, lambda *_: os._exit(9)); up(); time.sleep(60)", DEAF)
    tended.up(0, 1)
    tended.put(SIGINT)
    again = threading.Timer(0.5, tended.put, [SIGTERM])
    again.start()
    told: list[int] = []
    exits = tended.watch(told.append)
    again.join()
    assert told == [SIGINT]
    assert (exits[0].code, exits[0].caused, exits[0].received) == (9, False, SIGINT)
    assert (exits[1].caused, exits[1].received) == (False, SIGINT)
    assert tended.tending.received() == SIGINT
    assert tended.tending.failed == []


def test_a_signal_that_nobody_dealt_with_counts(tend: Callable[..., Tended]) -> None:
    """It came after the last process had ended: it is known all the same."""
    tended = tend()
    tended.start("pass")
    tended.watch()
    assert tended.tending.received() is None
    tended.put(Ended("failure"))
    tended.put(SIGTERM)
    assert tended.tending.received() == SIGTERM


def test_settling_is_waited_for_until_a_signal(tend: Callable[..., Tended]) -> None:
    """Late news of processes do not end the wait, a signal does, and so does time."""
    tended = tend()
    turns: list[float] = []

    def settled(seconds: float) -> bool:
        turns.append(seconds)
        return len(turns) == 5

    tended.put(FirstSign(0, "lost", ""))
    assert tended.tending.settle(settled, 60.0)
    tended.put(SIGINT)
    assert not tended.tending.settle(lambda _: False, 60.0)
    assert not tended.tending.settle(lambda _: False, 0.0)

"""What a process does when another one fails: it tells, and ends itself where that is wanted."""

import logging
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator

import pytest
from kit_until import until

from podlog.proto import podlog_pb2 as pb
from podlog.proto.records import Event
from podlog.worker.peers import Peers, event_of

LOST = pb.FirstSign(process=3, host="h3", status="lost", reason="it was ended by SIGKILL")
AWAY = pb.FirstSign(process=3, host="h3", status="disconnected")


@pytest.fixture
def peers() -> Iterator[Callable[[Callable[[Event], None]], Peers]]:
    made: list[Peers] = []

    def make(on_failure: Callable[[Event], None]) -> Peers:
        made.append(Peers(0, on_failure, None))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.close()
        each.close()


def test_the_event_names_who_and_why() -> None:
    """A line for people, and its parts for programs."""
    event = event_of(LOST)
    assert event.name == "first_sign"
    assert event.text == "process 3 on h3: lost (it was ended by SIGKILL)"
    assert event.fields == {
        "process": "3",
        "host": "h3",
        "status": "lost",
        "reason": "it was ended by SIGKILL",
    }
    never = pb.FirstSign(process=3, status="lost", reason="it never arrived")
    assert event_of(never).text == "process 3: lost (it never arrived)"


def test_each_sign_is_told_once_on_a_thread_of_its_own(
    peers: Callable[..., Peers], caplog: pytest.LogCaptureFixture
) -> None:
    """One that stands may be sent again; a connection may break again; its own is none."""
    told: list[tuple[str, str]] = []
    watch = peers(lambda event: told.append((threading.current_thread().name, event.text)))
    for sign in (AWAY, LOST, LOST, AWAY, pb.FirstSign(process=0, status="failure")):
        watch.told(sign)
    watch.close()
    lost, away = event_of(LOST).text, event_of(AWAY).text
    assert told == [("podlog-peer", text) for text in (away, lost, away)]
    lines = [r for r in caplog.records if r.name == "podlog.worker.peers"]
    assert [(r.levelno, r.getMessage()) for r in lines] == [
        (logging.WARNING, away),
        (logging.ERROR, lost),
        (logging.WARNING, away),
    ]


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit(3)])
def test_a_function_that_raises_is_told_and_called_again(
    peers: Callable[..., Peers], error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Even one that calls sys.exit."""
    calls: list[str] = []

    def raises(event: Event) -> None:
        calls.append(event.text)
        raise error

    watch = peers(raises)
    watch.told(LOST)
    watch.told(AWAY)
    until(lambda: len(calls) == 2)
    watch.close()
    assert f"on_peer_failure: {type(error).__name__}" in caplog.text


def test_a_function_that_blocks_holds_nothing_up(peers: Callable[..., Peers]) -> None:
    """Neither who tells nor close waits for it; the thread ends when it comes back."""
    go = threading.Event()
    watch = peers(lambda _: go.wait(30) and None)
    watch.told(LOST)
    watch.told(AWAY)
    watch.close()
    watch.told(AWAY)
    go.set()


@pytest.mark.parametrize("function", ["None", "print", "lambda _: threading.Event().wait()"])
def test_an_abort_saves_and_ends_the_process_at_once(function: str) -> None:
    """Whatever the training thread and the user's function do; what was printed is not lost."""
    done = _aborting(f"""
        peers = Peers(0, {function}, save)
        peers.start()
        peers.told(pb.FirstSign(process=3, status="disconnected"))
        peers.told(pb.FirstSign(process=3, host="h3", status="lost"))
        threading.Event().wait()
    """)
    assert done.returncode == 76
    assert "saved" in done.stderr
    if function == "print":
        assert "process 3 on h3: lost" in done.stdout


def test_no_abort_without_a_sign_that_stands_or_after_close() -> None:
    """A connection may come back; a process that ends is ending."""
    done = _aborting("""
        peers = Peers(0, None, save)
        peers.start()
        peers.told(pb.FirstSign(process=3, status="disconnected"))
        peers.close()
        peers.told(pb.FirstSign(process=3, status="lost"))
        print("ended")
    """)
    assert (done.returncode, done.stdout) == (0, "ended\n")


def _aborting(script: str) -> "subprocess.CompletedProcess[str]":
    start = """
        import os, threading
        from podlog.proto import podlog_pb2 as pb
        from podlog.worker.peers import Peers
        def save(timeout): os.write(2, b"saved")
    """
    text = textwrap.dedent(start) + textwrap.dedent(script)
    return subprocess.run(
        [sys.executable, "-P", "-c", text], capture_output=True, text=True, timeout=30
    )

"""First signs and stalls over real streams: who is told what, how soon, and what is kept."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit_coordinator import Lone, events, last_line, wait_events
from kit_peers import Voice
from kit_server import Net
from kit_until import until

from podlog.proto import podlog_pb2 as pb
from podlog.proto.control import Ended, FirstSign, ProcessExit

TRACE = "Traceback (most recent call last):\n  File 'train.py', line 3\nValueError: boom\n"


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Lone]:
    made = Lone(tmp_path, 3)
    yield made
    made.close()


def begun(lone: Lone, **timing: float) -> list[Voice]:
    voices = lone.voices()
    lone.open(voices[0], **timing)
    for voice in voices:
        voice.ear.wait("opened")
        voice.log(1)
        voice.acked()
    return voices


def fail(voice: Voice) -> None:
    failed = pb.Failed(status="failure", error="ValueError: boom", trace=TRACE, step=12)
    voice.send(failed=failed)


def test_a_failure_is_pushed_at_once_and_once(lone: Lone) -> None:
    """All others, the parent and output.log know within 2 s; the traceback is in the event."""
    voices = begun(lone)
    began = time.monotonic()
    fail(voices[1])
    for voice in (voices[0], voices[2]):
        sign = voice.ear.wait("first_sign", timeout=2)
        assert (sign.process, sign.host, sign.status) == (1, "host1", "failure")
        assert "ValueError: boom" in sign.reason
    assert lone.heard(FirstSign, 2).process == 1
    assert time.monotonic() - began < 2
    fail(voices[1])
    voices[1].goodbye("failure")
    voices[0].close()
    voices[2].send(failed=pb.Failed(status="failure", error="Gloo all-reduce failed"))
    until(lambda: len(events(lone.folder, "failed")) == 2)
    failed = events(lone.folder, "failed")[0]
    assert (failed.process, failed.event.fields["trace"]) == (1, TRACE)
    assert not voices[1].ear.all("first_sign")
    assert len(voices[2].ear.all("first_sign")) == 1
    ended = lone.settle()
    assert (ended.status, ended.root_cause.startswith("process 1 on host1: failure")) == (
        "failure",
        True,
    )
    assert [n for n in lone.notices if isinstance(n, FirstSign)] == [
        FirstSign(1, "failure", "ValueError: boom", "host1")
    ]
    (told,) = events(lone.folder, "verdict")
    assert last_line(lone.folder) == f"WARNING podlog: {told.event.text}"
    assert told.event.text == f"verdict: failure: {ended.root_cause}"


def test_a_broken_stream_is_pushed_when_it_lasts(lone: Lone) -> None:
    """After a second, so within two; one that is back in time is not told, nor is the parent."""
    voices = begun(lone)
    voices[2].close()
    voices[2].come_back(lone.connector())
    began = time.monotonic()
    voices[1].close()
    sign = voices[0].ear.wait("first_sign", timeout=2)
    assert 0.8 < time.monotonic() - began < 2
    assert (sign.process, sign.status) == (1, "disconnected")
    assert voices[2].ear.wait("first_sign").process == 1
    assert not [n for n in lone.notices if isinstance(n, FirstSign)]


def test_a_restarted_coordinator_tells_who_may_not_know(lone: Lone) -> None:
    """A sign is in the journal: its event is there once; streams that are back are told."""
    voices = begun(lone)
    fail(voices[1])
    voices[0].ear.wait("first_sign")
    lone.kill()
    lone.start()
    for voice in (voices[2], voices[0], voices[1]):
        voice.come_back(lone.connector())
    for voice in (voices[0], voices[2]):
        assert voice.ear.wait("first_sign").process == 1
    assert lone.heard(FirstSign).process == 1
    assert len(events(lone.folder, "first_sign")) == 1
    lone.tell(ProcessExit(1, 1, code=1))
    for voice in voices:
        voice.close()
    assert "ValueError: boom" in lone.settle().root_cause


def test_one_that_is_lost_again_after_a_restart_is_told_again(lone: Lone) -> None:
    """It had come back: what was told of it then is not what is wrong now."""
    voices = begun(lone, lost_after_s=1.0)
    voices[0].close()
    voices[1].ear.wait("first_sign", lambda sign: sign.status == "lost")
    voices[0].come_back(lone.connector())
    voices[0].log(2)
    voices[0].acked()
    lone.kill()
    lone.start()
    for voice in voices[1:]:
        voice.come_back(lone.connector())
    assert voices[1].ear.wait("first_sign", lambda sign: sign.status == "lost").process == 0
    assert lone.heard(FirstSign).process == 0


def test_the_restart_itself_is_no_sign(lone: Lone) -> None:
    """Streams broke because the coordinator was gone: nobody is told, though one comes late."""
    voices = begun(lone)
    lone.kill()
    lone.start()
    for voice in voices[:2]:
        voice.come_back(lone.connector())
    late = time.monotonic() + 1.3
    until(lambda: time.monotonic() > late)
    voices[0].send(heartbeat=pb.Heartbeat(sent=time.time()))
    voices[0].ear.wait("heartbeat_reply")
    assert not voices[0].ear.all("first_sign")
    voices[2].come_back(lone.connector())
    for voice in voices:
        voice.goodbye("success")
        assert voice.ear.wait_end() is None
    assert lone.settle() == Ended("success", "", 1)
    assert last_line(lone.folder) == "INFO podlog: verdict: success"


def test_a_silent_training_thread_is_named_with_its_stack(
    net: Callable[..., Net], tmp_path: Path
) -> None:
    """The one that is least far; the others wait for it; all are asked for their stacks."""
    here = net(3)
    voices = here.voices(3)
    here.open(voices[0], tmp_path, timing={"stall_after_s": 0.3, "heartbeat_s": 0.1})
    beats = [
        pb.Heartbeat(step=5 - (i == 1), mode="train", idle_s=0.4, longest_s=0.01, training=1)
        for i in range(3)
    ]
    for voice, beat in zip(voices, beats, strict=True):
        voice.ear.wait("opened")
        voice.log(4)
        voice.acked()
        voice.send(heartbeat=beat)
    for voice in voices:
        voice.ear.wait("stack_request")
    voices[1].send(stacks=pb.Stacks(text="thread main\n  sleep()", frame="train.py:3 in sleep"))
    voices[0].send(stacks=pb.Stacks(text="thread main\n  psum()", frame="train.py:9 in psum"))
    stacks = {e.process: e.event for e in wait_events(tmp_path, "stacks", 2)}
    stalled = events(tmp_path, "stalled")
    assert [e.process for e in stalled][-1] == 1
    assert "process 1 on host1 is stalled: no call for" in stalled[-1].event.text
    assert "is at train.py:3 in sleep; processes 0,2 wait for it" in stacks[1].text
    assert stacks[0].text.endswith("train.py:9 in psum, waiting for process 1")
    assert stacks[1].fields["stacks"].endswith("sleep()")
    file = tmp_path / "stacks" / "process-1-1.txt"
    until(lambda: file.exists() and "sleep()" in file.read_text())

    voices[1].send(heartbeat=pb.Heartbeat(step=6, mode="train", longest_s=0.01, training=1))
    (goes_on,) = wait_events(tmp_path, "goes_on")
    assert goes_on.process == 1
    for voice in voices:
        voice.goodbye("success")
    assert here.endpoint.wait_settled(10)
    assert last_line(tmp_path) == "INFO podlog: verdict: success"


def test_one_that_does_not_enter_a_mode_is_behind(net: Callable[..., Net], tmp_path: Path) -> None:
    """Named once, `row_timeout_s` after all others did."""
    here = net(3)
    voices = here.voices(3)
    here.open(voices[0], tmp_path)
    for voice, entered in zip(voices, (1, 1, 0), strict=True):
        voice.ear.wait("opened")
        voice.send(heartbeat=pb.Heartbeat(quiet=True, training=1, entered={"train": entered}))
    (behind,) = wait_events(tmp_path, "behind")
    assert behind.process == 2
    assert "has not entered mode 'train'" in behind.event.text
    for voice in voices:
        voice.goodbye("success")
    assert here.endpoint.wait_settled(10)
    assert len(events(tmp_path, "behind")) == 1

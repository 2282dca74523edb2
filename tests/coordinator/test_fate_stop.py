"""The stop agreement over real streams: in the journal before it is told, through a SIGKILL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_coordinator import Lone, events, last_line, wait_events
from kit_peers import Voice

from podlog.proto import podlog_pb2 as pb


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Lone]:
    made = Lone(tmp_path, 3)
    yield made
    made.close()


def ask(voice: Voice, step: int = 7) -> None:
    request = pb.StopRequest(
        stop=True, nans=True, kind="nan", text="loss is nan\nat step 7", step=step, training=1
    )
    voice.send(stop_request=request)


def answer(voice: Voice, id: int, gate: int, *, outcome: bool = False) -> None:
    voice.send(stop_answer=pb.StopAnswer(id=id, gate=gate, training=1, outcome=outcome))


def begun(lone: Lone) -> list[Voice]:
    """Three processes in their first training."""
    voices = lone.voices()
    lone.open(voices[0])
    for voice in voices:
        voice.ear.wait("opened")
        voice.send(heartbeat=pb.Heartbeat(training=1, mode="train"))
        voice.log(1)
        voice.acked()
    return voices


def names(folder: Path) -> list[str]:
    return [e.event.name for e in events(folder) if e.event.name.startswith("stop_")]


def test_a_nan_is_agreed_on_and_the_verdict_says_so(lone: Lone) -> None:
    """One step behind the farthest answer; success after it is nan; the cause is in the log."""
    voices = begun(lone)
    ask(voices[2])
    proposals = [voice.ear.wait("stop_proposal") for voice in voices]
    assert {p.id for p in proposals} == {proposals[0].id}
    assert (proposals[0].stop, proposals[0].nans, proposals[0].process) == (True, True, 2)
    assert events(lone.folder, "stop_proposed"), "told before it was in the journal"
    for voice, gate in zip(voices, (7, 9, 8), strict=True):
        answer(voice, proposals[0].id, gate)
    outcomes = [voice.ear.wait("stop_outcome") for voice in voices]
    assert {(o.decided, o.step, o.kind) for o in outcomes} == {(True, 10, "nan")}
    assert names(lone.folder) == ["stop_requested", "stop_proposed", "stop_decided"]
    for voice in voices:
        voice.finalize("success")
    assert {voice.verdict().status for voice in voices} == {"nan"}
    for voice in voices:
        voice.goodbye()
    assert lone.settle().status == "nan"
    assert last_line(lone.folder).startswith("WARNING podlog: verdict: nan")
    assert "\n" not in events(lone.folder, "stop_requested")[0].event.text


def test_a_coordinator_that_is_killed_in_the_middle_proposes_anew(lone: Lone) -> None:
    """The request is in the journal, so the next one asks under a new id when all are back."""
    voices = begun(lone)
    ask(voices[1])
    first = voices[0].ear.wait("stop_proposal")
    answer(voices[0], first.id, 3)
    lone.kill()
    lone.start()
    for voice in voices:
        voice.come_back(lone.connector())
        voice.send(heartbeat=pb.Heartbeat(training=1, mode="train"))
    again = [voice.ear.wait("stop_proposal") for voice in voices]
    assert {p.id for p in again} == {again[0].id}
    assert again[0].id > first.id
    for voice in voices:
        answer(voice, again[0].id, 5)
    assert {voice.ear.wait("stop_outcome", lambda o: o.decided).step for voice in voices} == {6}
    assert names(lone.folder).count("stop_requested") == 1


def test_what_is_decided_is_told_again_and_a_miss_is_named(lone: Lone) -> None:
    """After a SIGKILL too; one that is past the step is the failure of the run."""
    voices = begun(lone)
    ask(voices[0])
    id = voices[0].ear.wait("stop_proposal").id
    for voice in voices:
        answer(voice, id, 4)
    voices[0].ear.wait("stop_outcome")
    lone.kill()
    lone.start()
    for voice in voices:
        voice.come_back(lone.connector())
        told = voice.ear.wait("stop_outcome")
        assert (told.decided, told.step, told.id) == (True, 5, id)
    answer(voices[0], id, 4, outcome=True)
    answer(voices[2], id, 9, outcome=True)
    (split,) = wait_events(lone.folder, "stop_split")
    assert split.process == 2
    assert voices[0].ear.wait("first_sign").process == 2
    for voice in voices:
        voice.goodbye("success")
    ended = lone.settle()
    assert ended.status == "failure"
    assert "missed stop step 5 (it was at 9)" in ended.root_cause

"""What one connection says and hears of stops, failures, clocks and stacks."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from podlog.proto import podlog_pb2 as pb
from podlog.proto.records import Verdict
from podlog.worker.fate import Fate, FateTalk
from podlog.worker.waits import Finalize, Waits

FAILED = pb.Failed(status="failure", error="ValueError: boom", step=4)


class Gate:
    """Says what a test puts in; keeps what it hears."""

    def __init__(self) -> None:
        self.out: list[Mapping[str, Any]] = []
        self.heard: list[Any] = []
        self.connects = 0

    def messages(self) -> list[Mapping[str, Any]]:
        out, self.out = self.out, []
        return out

    def receive(self, message: pb.StopProposal | pb.StopOutcome) -> None:
        self.heard.append(message)

    def reconnected(self) -> None:
        self.connects += 1


class Side:
    """A process and its connections."""

    def __init__(self) -> None:
        self.gate, self.waits = Gate(), Waits()
        self.signs: list[pb.FirstSign] = []
        self.fate = Fate(self.gate, self.signs.append, lambda: pb.Stacks(frame="here"))
        self.said: list[tuple[str, Any]] = []

    def talk(self) -> FateTalk:
        talk = FateTalk(self.fate, self.waits, lambda **body: self.said.extend(body.items()))
        talk.welcomed()
        return talk

    def hear(self, talk: FateTalk, now: float = 0.0, **body: Any) -> None:
        talk.receive(pb.CoordinatorMessage(**body), now)


@pytest.fixture
def side() -> Side:
    return Side()


def test_a_failure_is_said_first_and_once_a_connection(side: Side) -> None:
    """Until a final verdict shows that the coordinator has it; the first one counts."""
    talk = side.talk()
    side.gate.out.append({"stop_answer": pb.StopAnswer(id=1)})
    side.waits.fail(FAILED, 0.0)
    side.waits.fail(pb.Failed(status="failure", error="later"), 0.0)
    talk.turn()
    talk.turn()
    assert side.said == [("failed", FAILED), ("stop_answer", pb.StopAnswer(id=1))]
    side.talk().turn()
    assert side.said[2:] == [("failed", FAILED)]

    said = Finalize("failure", 0)
    side.waits.say(said)
    side.waits.verdict(Verdict("failure", final=False), said)
    side.talk().turn()
    assert side.said[3:] == [("failed", FAILED)]
    side.waits.verdict(Verdict("failure", final=True), said)
    side.talk().turn()
    assert side.said[4:] == []


def test_a_failure_that_was_not_said_survives_a_verdict(side: Side) -> None:
    """The final verdict was under way before it."""
    side.waits.fail(FAILED, 0.0)
    side.waits.verdict(Verdict("success", final=True), None)
    side.talk().turn()
    assert side.said == [("failed", FAILED)]


def test_what_concerns_stops_goes_to_the_gate(side: Side) -> None:
    """Proposals, outcomes, and each connection."""
    talk = side.talk()
    side.hear(talk, stop_proposal=pb.StopProposal(id=1))
    side.hear(talk, stop_outcome=pb.StopOutcome(id=1, decided=True, step=7))
    assert side.gate.heard == [
        pb.StopProposal(id=1),
        pb.StopOutcome(id=1, decided=True, step=7),
    ]
    side.talk()
    assert side.gate.connects == 2


def test_signs_and_stack_requests_are_answered(side: Side) -> None:
    """A sign is handed on, stacks go back."""
    talk = side.talk()
    side.hear(talk, first_sign=pb.FirstSign(process=3))
    side.hear(talk, stack_request=pb.StackRequest(reason="stalled"))
    assert side.signs == [pb.FirstSign(process=3)]
    assert side.said == [("stacks", pb.Stacks(frame="here"))]


def test_heartbeats_carry_the_offset_of_the_answers_to_those_before(side: Side) -> None:
    """Also over connections."""
    talk, beat = side.talk(), pb.Heartbeat()
    talk.stamp(beat, 10.0)
    assert beat.sent == pytest.approx(time.time(), abs=5)
    assert (beat.offset_s, beat.round_trip_s) == (0.0, 0.0)
    reply = pb.HeartbeatReply(sent=beat.sent, received=beat.sent + 60, replied=beat.sent + 60)
    side.hear(talk, 10.25, heartbeat_reply=reply)
    later = pb.Heartbeat()
    side.talk().stamp(later, 10.25 + (time.time() - beat.sent))
    assert later.offset_s == pytest.approx(59.875, abs=0.5)
    assert later.round_trip_s == pytest.approx(0.25)


def test_the_newest_verdict_is_known_and_a_final_one_stays() -> None:
    """It answers no finalize; a later chapter's replaces it."""
    waits = Waits()
    waits.say(Finalize("success", 0))
    for verdict in (
        Verdict("failure", final=True),
        Verdict("success", final=False, waiting_for=(1,)),
    ):
        waits.verdict(verdict, None)
        assert waits.newest == Verdict("failure", final=True)
        assert waits.for_verdict(0.0) is None
    waits.verdict(Verdict("success", final=False, chapter=2), None)
    assert waits.newest is not None and waits.newest.chapter == 2

"""One connection, message by message, with the time passed in."""

from typing import Any

import pytest

from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import body_draft
from podlog.proto.records import Kind, LogLine
from podlog.worker.handed import Handed
from podlog.worker.spool import Spool
from podlog.worker.talk import BATCH_BYTES, Speaker, Talk
from podlog.worker.waits import Finalize, Waits

HELLO = pb.Hello(process=0, incarnation=9)


class Said:
    """A worker whose connections only note what they say."""

    def __init__(self) -> None:
        self.spool = Spool(None, HELLO)
        self.waits = Waits()
        self.out: list[pb.WorkerMessage] = []
        self.speaker = Speaker(
            hello=pb.Hello(process=0, incarnation=9),
            spool=self.spool,
            handed=Handed(),
            waits=self.waits,
            heartbeat=pb.Heartbeat,
            open=None,
            submit=None,
            heartbeat_s=5.0,
        )

    def talk(self, now: float = 0.0, ack: int = 0) -> Talk:
        talk = Talk(self.speaker, self.out.append, now)
        talk.receive(pb.CoordinatorMessage(welcome=pb.Welcome(ack=ack, send_interval_s=1)), now)
        return talk

    def log(self, size: int = 10) -> None:
        self.spool.append([body_draft(LogLine(20, "app", "x" * size), 1.0)])

    def take(self, kind: str) -> list[Any]:
        """What was said of a kind since the last call."""
        out, self.out[:] = list(self.out), []
        return [getattr(m, kind) for m in out if m.WhichOneof("body") == kind]


@pytest.fixture
def said() -> Said:
    return Said()


def _ack(seq: int) -> pb.CoordinatorMessage:
    return pb.CoordinatorMessage(ack=pb.Ack(incarnation=9, seq=seq))


def test_nothing_but_hello_before_welcome(said: Said) -> None:
    """Records wait, and the call says until when an answer is expected."""
    said.log()
    talk = Talk(said.speaker, said.out.append, 100.0)
    assert talk.turn(100.0, None) == 115.0
    assert [m.WhichOneof("body") for m in said.out] == ["hello"]
    assert talk.alive(114.9) and not talk.alive(115.0)


def test_records_go_at_the_interval_and_heartbeats_at_theirs(said: Said) -> None:
    """The coordinator says how often; a caller that waits hurries it."""
    talk = said.talk()
    said.log()
    assert talk.turn(0.0, None) == 1.0
    assert len(said.take("batch")) == 1
    said.log()
    talk.turn(0.5, None)
    assert said.take("batch") == []
    said.waits.urgent += 1
    talk.turn(0.6, None)
    assert len(said.take("batch")) == 1
    said.waits.urgent -= 1
    for now in (1.0, 4.9, 5.0, 9.9, 10.0):
        talk.turn(now, None)
    assert len(said.take("heartbeat")) == 2


def test_the_window_holds_back_and_acks_let_go_at_once(said: Said) -> None:
    """About 4 MiB are in flight; an ack is answered with more, before the interval."""
    for _ in range(100):
        said.log(100_000)
    talk = said.talk()
    talk.turn(0.0, None)
    first = said.take("batch")
    sent = sum(len(b.step) for batch in first for b in batch.blocks)
    assert 40 <= sent <= 45
    assert all(batch.ByteSize() <= BATCH_BYTES + 1000 for batch in first)
    assert first[-1].backlog == 100 - sent

    talk.turn(0.1, None)
    assert said.take("batch") == []
    talk.receive(_ack(20), 0.2)
    talk.turn(0.2, None)
    assert sum(len(b.step) for batch in said.take("batch") for b in batch.blocks) == 20
    assert said.spool.acked == 20


def test_a_schema_goes_once_a_connection(said: Said) -> None:
    """The next connection tells it again."""
    for expected in (1, 0):
        said.log()
        if expected:
            talk = said.talk()
        talk.turn(10.0 * (2 - expected), None)
        assert [len(b.schemas) for b in said.take("batch")] == [expected]
    said.log()
    said.talk(ack=2).turn(0.0, None)
    assert [len(b.schemas) for b in said.take("batch")] == [1]


def test_news_alone_do_not_fill_the_window(said: Said) -> None:
    """Hours of steps without a record never stop the sending of the first one."""
    talk = said.talk()
    for step in range(50_000):
        said.speaker.handed.step(f"m{step % 3}", Kind.STEP, step)
        if step % 100 == 0:
            talk.turn(float(step), None)
    said.take("batch")
    assert talk._window.bytes == 0


def test_finalize_is_said_again_until_a_final_verdict(said: Said) -> None:
    """A break between Finalize and Verdict does not lose it; after the verdict it is done."""
    said.log()
    said.waits.say(Finalize("success", 1))
    said.talk().turn(0.0, None)
    assert [f.status for f in said.take("finalize")] == ["success"]

    talk = said.talk(ack=1)
    talk.turn(0.0, None)
    assert len(said.take("finalize")) == 1
    talk.turn(9.0, None)
    assert said.take("finalize") == []
    talk.receive(pb.CoordinatorMessage(verdict=pb.Verdict(status="success", final=True)), 9.0)
    said.talk(ack=1).turn(0.0, None)
    assert said.take("finalize") == []
    verdict = said.waits.for_verdict(0.0)
    assert verdict is not None and verdict.final


def test_goodbye_comes_last(said: Said) -> None:
    """Only when all records and Finalize are said, and once."""
    for _ in range(60):
        said.log(100_000)
    said.waits.say(Finalize("nan", 60))
    talk = said.talk()
    talk.turn(0.0, "nan")
    assert not talk.bidden
    talk.receive(_ack(40), 0.1)
    talk.turn(0.1, "nan")
    assert talk.bidden
    assert [m.WhichOneof("body") for m in said.out[-2:]] == ["finalize", "goodbye"]
    said.take("goodbye")
    talk.turn(0.2, "nan")
    assert said.take("goodbye") == []


def test_acks_of_others_are_not_ours(said: Said) -> None:
    """An ack that names another incarnation changes nothing."""
    said.log()
    talk = said.talk()
    talk.receive(pb.CoordinatorMessage(ack=pb.Ack(incarnation=8, seq=1)), 0.0)
    assert said.spool.acked == 0

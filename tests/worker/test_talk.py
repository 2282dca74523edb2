"""One connection, message by message, with the time passed in."""

import time
from typing import Any

import pytest

from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import body_draft
from podlog.proto.records import Kind, LogLine
from podlog.proto.session import Flow
from podlog.worker.handed import Handed
from podlog.worker.spool import Spool
from podlog.worker.talk import Speaker, Talk
from podlog.worker.waits import Finalize, Waits

HELLO = pb.Hello(process=0, incarnation=9)


class Said:
    """A worker whose connections only note what they say."""

    def __init__(self) -> None:
        self.spool = Spool(None, HELLO)
        self.waits = Waits()
        self.moved = Flow()
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

    @property
    def flow(self) -> Flow:
        return self.moved

    def send(self, message: pb.WorkerMessage) -> None:
        self.out.append(message)

    def close(self) -> None:
        raise AssertionError("a Talk closes nothing")

    def talk(self, now: float = 0.0, ack: int = 0) -> Talk:
        talk = Talk(self.speaker, self, now)
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
    talk = Talk(said.speaker, said, 100.0)
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
    """About 256 KiB are in flight at first, 4 MiB at last; acks are answered at once."""
    for _ in range(100):
        said.log(100_000)
    talk = said.talk()
    talk.turn(0.0, None)
    first = said.take("batch")
    assert [len(batch.blocks) for batch in first] == [1, 1, 1]
    assert first[-1].backlog == 97

    talk.turn(0.1, None)
    assert said.take("batch") == []
    sent = 3
    for now in (0.2, 0.4, 0.6, 0.8, 1.0):
        talk.receive(_ack(sent), now)
        talk.turn(now, None)
        batches = said.take("batch")
        assert all(batch.ByteSize() <= (256 << 10) + 1000 for batch in batches)
        sent += sum(len(b.step) for batch in batches for b in batch.blocks)
        assert said.spool.last_seq - sent == batches[-1].backlog
    assert sent == 100


def test_a_slow_link_is_given_a_quarter_of_a_small_window_at_a_time(said: Said) -> None:
    """Acks that take long keep the window small, so that no heartbeat stands behind much."""
    for _ in range(600):
        said.log(10_000)
    talk = said.talk()
    for now in (0.0, 6.0, 12.0, 18.0):
        talk.turn(now, None)
        batches = said.take("batch")
        assert sum(b.ByteSize() for b in batches) < (256 << 10) + (66 << 10)
        assert all(b.ByteSize() <= 66 << 10 for b in batches)
        block = batches[-1].blocks[-1]
        talk.receive(_ack(block.first_seq + len(block.step) - 1), now + 5.9)


def test_a_network_that_still_takes_is_not_given_up(said: Said) -> None:
    """Silence counts only where nothing moves; what is taken at once proves nothing."""
    talk = said.talk()
    for now in range(20):
        said.moved = Flow(now, 3, 0.0)
        assert talk.alive(now)
    for now in range(20, 40):
        said.moved = Flow(now, 1 if now % 5 == 0 else 0, float(now))
        assert talk.alive(now) == (now < 35)


def test_a_heartbeat_waits_for_the_one_before(said: Said) -> None:
    """Behind a queue that stands there is one, not one more each period."""
    talk = said.talk()
    said.moved = Flow(1, 1, 0.0)
    for now in (0.0, 5.0, 10.0):
        talk.turn(now, None)
    assert len(said.take("heartbeat")) == 1
    said.moved = Flow(2, 0, 0.0)
    talk.turn(15.0, None)
    assert len(said.take("heartbeat")) == 1


def test_the_first_answer_of_a_connection_brings_the_next_heartbeat_at_once(said: Said) -> None:
    """It carries the clock's offset, which a short run would else never tell."""
    talk = said.talk()
    talk.turn(0.0, None)
    (first,) = said.take("heartbeat")
    assert first.round_trip_s == 0.0
    for now in (0.25, 0.5):
        sent = time.time() if now == 0.5 else first.sent
        reply = pb.HeartbeatReply(sent=sent, received=sent, replied=sent)
        talk.receive(pb.CoordinatorMessage(heartbeat_reply=reply), now)
        talk.turn(now, None)
    (second,) = said.take("heartbeat")
    assert second.round_trip_s == 0.25
    assert talk.turn(4.0, None) <= 5.25
    assert said.take("heartbeat") == []


def test_hello_and_heartbeat_say_what_was_made_and_acked(said: Said) -> None:
    """So that the coordinator can tell what a journal it lost had confirmed."""
    for _ in range(3):
        said.log()
    talk = said.talk(ack=2)
    talk.turn(0.0, pb.Goodbye(status="success"))
    assert [h.made for h in said.take("heartbeat")] == [3]
    said.talk()
    assert [h.acked for h in said.take("hello")] == [2]


def test_when_the_job_began_is_said_again_in_the_next_hello(said: Said) -> None:
    """It orders attempts, also for whoever finds the spool."""
    talk = said.talk()
    welcome = pb.Welcome(job_id="job", job_started=5.5)
    talk.receive(pb.CoordinatorMessage(welcome=welcome), 0.0)
    said.take("hello")
    said.talk()
    assert [(h.job_id, h.job_started) for h in said.take("hello")] == [("job", 5.5)]


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


def test_a_verdict_on_an_earlier_finalize_is_no_answer(said: Said) -> None:
    """It came late, while the next Finalize waited to be sent: that one is sent all the same."""
    said.log()
    said.waits.say(Finalize("failure", 1))
    talk = said.talk()
    talk.turn(0.0, None)
    said.take("finalize")
    said.log()
    said.waits.say(Finalize("success", 2))
    talk.receive(pb.CoordinatorMessage(verdict=pb.Verdict(status="failure", final=True)), 1.0)
    assert said.waits.for_verdict(0.0) is None
    talk.turn(1.0, None)
    assert [f.status for f in said.take("finalize")] == ["success"]
    talk.receive(pb.CoordinatorMessage(verdict=pb.Verdict(status="success", final=True)), 2.0)
    verdict = said.waits.for_verdict(0.0)
    assert verdict is not None and verdict.status == "success"


def test_goodbye_comes_last(said: Said) -> None:
    """Only when all records and Finalize are said, and once; it says how many were made."""
    for _ in range(6):
        said.log(100_000)
    said.waits.say(Finalize("nan", 6))
    talk = said.talk()
    talk.turn(0.0, pb.Goodbye(status="nan"))
    assert not talk.bidden
    talk.receive(_ack(3), 0.1)
    talk.turn(0.1, pb.Goodbye(status="nan"))
    assert talk.bidden
    assert [m.WhichOneof("body") for m in said.out[-2:]] == ["finalize", "goodbye"]
    assert [g.made for g in said.take("goodbye")] == [6]
    talk.turn(0.2, pb.Goodbye(status="nan"))
    assert said.take("goodbye") == []


def test_acks_of_others_are_not_ours(said: Said) -> None:
    """An ack that names another incarnation changes nothing."""
    said.log()
    talk = said.talk()
    talk.receive(pb.CoordinatorMessage(ack=pb.Ack(incarnation=8, seq=1)), 0.0)
    assert said.spool.acked == 0

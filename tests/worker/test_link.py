"""The link: every record arrives once and in order, through whatever happens to connections."""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kit_double import Double, Server
from kit_worker import Worker

from podlog.proto import podlog_pb2 as pb
from podlog.proto.contact import Contact
from podlog.proto.errors import ForkedError, UnavailableError
from podlog.proto.records import Kind
from podlog.proto.session import Connector
from podlog.worker.transport import grpc_connector

Make = Callable[..., Worker]


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture(params=["grpc", "in process"])
def connector(request: pytest.FixtureRequest, double: Double) -> Iterator[Connector]:
    if request.param == "in process":
        yield double.connect
        return
    server = Server(double)
    yield grpc_connector(lambda: _contact(server))
    server.stop()


@pytest.fixture
def make(connector: Connector) -> Iterator[Make]:
    workers: list[Worker] = []

    def start(connect: Connector = connector, **options: Any) -> Worker:
        workers.append(Worker(connect, **options))
        return workers[-1]

    yield start
    for worker in workers:
        worker.link.close(0.2)


def _contact(server: Server, token: str = "secret", cert: bytes = b"") -> Contact:
    return Contact(f"127.0.0.1:{server.port}", token, cert, "job", 1.0)


def _seqs(double: Double) -> list[int]:
    return [r.seq for r in double.records]


def test_records_arrive_in_order_and_the_end_is_said(make: Make, double: Double) -> None:
    """Hello first, acks empty the spool, Goodbye last; close says that all went well."""
    worker = make()
    assert worker.link.wait_acked(worker.log(500), 15)
    assert _seqs(double) == list(range(1, 501))
    assert worker.spool.acked == 500
    worker.log(3)
    assert worker.link.close(15, "success")
    assert double.kinds()[0] == "hello"
    assert double.kinds()[-1] == "goodbye"
    assert double.of("goodbye")[0].status == "success"
    assert len(double.records) == 503
    assert worker.link.stats() == {"connected": False, "connects": 1, "made": 503, "acked": 503}


def test_broken_connections_lose_and_double_nothing(make: Make, double: Double) -> None:
    """Each break is followed by a resend behind the last ack."""
    worker = make()
    for count in (10, 200, 30):
        assert worker.link.wait_acked(worker.log(count), 15)
        before = double.connections
        double.drop()
        worker.log()
        double.wait(lambda before=before: double.connections > before)
    assert worker.link.close(15)
    assert _seqs(double) == list(range(1, 244))
    assert double.duplicates == 0


def test_what_was_not_acknowledged_is_sent_again(make: Make, double: Double) -> None:
    """Without acks the records come twice over two connections, and are dropped by number."""
    double.acking = False
    worker = make()
    worker.log(5)
    double.wait(lambda: len(double.records) == 5)
    assert not worker.link.wait_acked(1, 0.05)
    double.drop()
    double.wait(lambda: double.duplicates == 5)
    double.acking = True
    assert worker.link.wait_acked(worker.log(), 15)
    assert _seqs(double) == [1, 2, 3, 4, 5, 6]


def test_a_silent_coordinator_is_given_up(make: Make, double: Double) -> None:
    """Three heartbeats without an answer: the link connects anew."""
    double.heartbeat_s = 0.1
    worker = make(heartbeat_s=0.1)
    double.wait(lambda: double.of("heartbeat"))
    double.muted = True
    worker.log()
    double.wait(lambda: double.connections >= 2)
    double.muted = False
    assert worker.link.wait_acked(1, 15)


def test_process_0_opens_the_run_at_each_connect(make: Make, double: Double) -> None:
    """Open follows Welcome every time; what it is called can be waited for."""
    worker = make(open=lambda: pb.Open(run_id="run"))
    opened = worker.link.wait_opened(15)
    assert opened is not None and opened.run_id == "run"
    double.drop()
    double.wait(lambda: len(double.of("open")) == 2)
    assert double.kinds()[:2] == ["hello", "open"]


def test_progress_never_overtakes_its_records(make: Make, double: Double) -> None:
    """On each connection a step is told only behind all records up to its number."""
    worker = make()
    for step in range(1, 60):
        worker.handed.step("train", Kind.STEP, step)
        worker.log(3)
    double.wait(lambda: any(p.step == 59 for b in double.of("batch") for p in b.progress))
    seen = 0
    for batch in double.of("batch"):
        seen = max([seen, *(b.first_seq + len(b.step) - 1 for b in batch.blocks)])
        for progress in batch.progress:
            assert (progress.step - 1) * 3 <= progress.seq <= seen


def test_an_idle_worker_still_tells_how_far_it_is(make: Make, double: Double) -> None:
    """Steps that make no record are told, each once, without any record to carry them."""
    worker = make()
    for step in (5, 6):
        worker.handed.step("train", Kind.STEP, step)
        double.wait(
            lambda step=step: any(p.step == step for b in double.of("batch") for p in b.progress)
        )
    worker.handed.leave("train", 6)
    double.wait(lambda: any(p.left for b in double.of("batch") for p in b.progress))
    assert [(p.step, p.left) for b in double.of("batch") for p in b.progress] == [
        (5, False),
        (6, False),
        (6, True),
    ]


def test_finalize_is_said_behind_its_record(make: Make, double: Double) -> None:
    """Records made before it are stored before it is heard, later ones after it."""
    worker = make()
    worker.link.finalize("nan", worker.log(3))
    verdict = worker.link.verdict(15)
    assert verdict is not None and verdict.final and verdict.status == "nan"
    worker.log(2)
    assert worker.link.close(15)
    heard = [
        sum(len(b.step) for b in m.batch.blocks) if m.WhichOneof("body") == "batch" else "finalize"
        for m in double.messages
        if m.WhichOneof("body") in ("batch", "finalize")
    ]
    at = heard.index("finalize")
    assert sum(heard[:at]) == 3
    assert sum(heard[at + 1 :]) == 2


def test_a_row_that_does_not_come_is_none_at_the_deadline(make: Make, double: Double) -> None:
    """A wait takes no longer than told; a row that is there comes at once."""
    worker = make()
    assert worker.link.merged("train", 3, 0.05) is None
    double.row = pb.Row(mode="train", step=3, kind=pb.STEP, metrics={"loss": pb.Value(f=0.5)})
    row = worker.link.merged("train", 3, 15)
    assert row is not None and row.metrics == {"loss": 0.5}


def test_postprocess_answers_also_when_it_raises(make: Make, double: Double) -> None:
    """The answer carries what the function returned, or what it raised."""

    def halve(metrics: dict[str, Any]) -> dict[str, Any]:
        return {"half": metrics["loss"] / 2}

    make(postprocess=halve)
    double.wait(lambda: double.of("hello"))
    for id, key in ((1, "loss"), (2, "other")):
        request = pb.PostprocessRequest(id=id, metrics={key: pb.Value(f=3.0)})
        double.send(pb.CoordinatorMessage(postprocess_request=request))
    double.wait(lambda: len(double.of("postprocess_answer")) == 2)
    good, bad = double.of("postprocess_answer")
    assert (good.id, good.metrics["half"].f, good.error) == (1, 1.5, "")
    assert (bad.id, bad.error) == (2, "KeyError: 'loss'")


def test_a_raising_heartbeat_costs_a_connection_and_no_more(make: Make, double: Double) -> None:
    """Whatever fails in the link's thread, it connects again."""
    failures = iter([True])

    def heartbeat() -> pb.Heartbeat:
        if next(failures, False):
            raise ValueError("once")
        return pb.Heartbeat()

    worker = make(heartbeat=heartbeat)
    assert worker.link.wait_acked(worker.log(), 15)
    assert double.connections == 2


def test_nobody_there_ends_at_the_deadline(make: Make) -> None:
    """Waits and close return in time; what was not delivered stays."""

    def away(_: Any) -> Any:
        raise UnavailableError("nobody")

    worker = make(away)
    start = time.monotonic()
    assert not worker.link.wait_acked(worker.log(), 0.1)
    assert not worker.link.close(0.3)
    assert time.monotonic() - start < 2
    assert worker.spool.last_seq - worker.spool.acked == 1
    assert not worker.link.close(0.1)


def test_a_forked_child_gets_an_error_instead_of_a_hang(make: Make) -> None:
    """In the child every waiting method raises ForkedError."""
    link = make().link
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # JAX, once loaded, warns of every fork
            pid = os.fork()
    if pid == 0:
        try:
            link.wait_acked(1, 60)
        except ForkedError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_callers_wait_for_no_interval(make: Make, double: Double) -> None:
    """A caller that waits for its ack gets it at once, not at the next tick."""
    worker = make()
    assert worker.link.wait_acked(worker.log(), 15)
    double.send(pb.CoordinatorMessage(welcome=pb.Welcome(send_interval_s=60, ack=1)))
    done = threading.Event()
    thread = threading.Thread(
        target=lambda: worker.link.wait_acked(worker.log(), 20) and done.set()
    )
    thread.start()
    assert done.wait(10)
    thread.join()

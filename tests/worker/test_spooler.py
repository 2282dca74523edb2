"""The spool thread: soon on disk, in order, bounded when the disk is not there."""

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import body_draft, decode_block, read_schema, record_body
from podlog.proto.errors import ForkedError
from podlog.proto.records import Draft, Dtype, Event, Gap, Kind, LogLine, Metric, Op, Record, Schema
from podlog.worker.handed import Handed
from podlog.worker.spool import Spool
from podlog.worker.spooler import MAX_DRAFT_BYTES, Spooler

HELLO = pb.Hello(process=1, incarnation=5)


def _draft(step: int, kind: Kind = Kind.STEP, value: Any = 1.0) -> Draft:
    schema = Schema(kind, "train", (Metric("loss", Op.NUMBER, (Dtype.F8,)),))
    return Draft(schema, step, 0, 0, 1.0, (value,))


def _log(text: str) -> Draft:
    return body_draft(LogLine(20, "app", text), 1.0)


class Bench:
    """A started spooler on a folder that can be blocked, as a full disk would."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.spool = Spool(folder, HELLO)
        self.handed = Handed()
        self.woken = threading.Event()
        self.spooler = Spooler(self.spool, self.handed, self.woken.set, **options)

    def block(self) -> None:
        self.folder.write_text("in the way")

    def unblock(self) -> None:
        self.folder.unlink()

    def records(self) -> list[Record]:
        found: list[Record] = []
        while blocks := self.spool.read(found[-1].seq if found else 0, 1 << 20):
            for block in blocks:
                schema = read_schema(self.spool.schema(block.schema_id))
                found += decode_block(block, {block.schema_id: schema})
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def make(**options: Any) -> Bench:
        benches.append(Bench(tmp_path / f"spool{len(benches)}", **options))
        return benches[-1]

    yield make
    for made in benches:
        made.spooler.close(5)
        made.spool.close()


def test_what_is_put_is_spooled_soon_and_its_ticket_ends(bench: Callable[..., Bench]) -> None:
    """Without a flush it lies in the spool shortly after; the link is woken."""
    at = bench()
    at.spooler.start()
    ticket = at.handed.ticket()
    at.spooler.put(ticket, [_draft(1), _draft(2)])
    assert at.woken.wait(5)
    assert at.spool.last_seq == 2
    assert at.handed.open == 0


def test_order_is_that_of_putting(bench: Callable[..., Bench]) -> None:
    """Flush returns the number of the last draft put before it."""
    at = bench()
    at.spooler.start()
    for step in range(300):
        at.spooler.put(None, [_draft(step)])
    assert at.spooler.flush(10) == 300
    assert [r.draft.step for r in at.records()] == list(range(300))
    assert at.spooler.stats()["spool_queue_bytes"] == 0


def test_an_empty_put_ends_its_ticket_in_turn(bench: Callable[..., Bench]) -> None:
    """A call that made no record still ends, behind those before it."""
    at = bench()
    at.spooler.put(at.handed.ticket(), [_draft(1)])
    at.spooler.put(at.handed.ticket(), [])
    assert at.handed.open == 2
    at.spooler.start()
    assert at.spooler.flush(10) == 1
    assert at.handed.open == 0


def test_close_writes_what_is_left(bench: Callable[..., Bench]) -> None:
    """Safe twice and without a start."""
    at = bench()
    assert at.spooler.close(1)
    at = bench()
    at.spooler.start()
    at.spooler.put(None, [_draft(1)])
    assert at.spooler.close(5)
    assert at.spooler.close(5)
    assert at.spool.last_seq == 1
    at.spooler.put(at.handed.ticket(), [_draft(2)])
    assert at.handed.open == 0, "a record that comes too late is waited for by no progress"
    assert at.spooler.stats()["spool_dropped"] == 1


def test_a_disk_that_comes_back_gets_everything(
    bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    """Errors are counted, told once, and nothing is lost or reordered."""
    at = bench()
    at.block()
    at.spooler.start()
    for step in range(5):
        at.spooler.put(at.handed.ticket(), [_draft(step)])
    assert at.spooler.flush(0.2) is None
    assert at.handed.open == 5
    at.unblock()
    assert at.spooler.flush(10) == 5
    assert [r.draft.step for r in at.records()] == list(range(5))
    assert at.spooler.stats()["spool_errors"] >= 1
    told = [r for r in caplog.records if "cannot be written" in r.message]
    assert len(told) == 1


def test_memory_is_bounded_and_host_records_go_first(bench: Callable[..., Bench]) -> None:
    """Over the limit the oldest host records go, then log lines; it is counted and declared."""
    at = bench(limit=30_000)
    for step in range(20):
        at.spooler.put(at.handed.ticket(), [_draft(step)])
        at.spooler.put(at.handed.ticket(), [_draft(step, Kind.HOST)])
    for i in range(30):
        at.spooler.put(None, [_log(f"{i:03}" + "x" * 1000)])
    assert at.spooler.stats()["spool_queue_bytes"] <= 30_000
    dropped = at.spooler.stats()["spool_dropped"]
    assert dropped > 20

    at.spooler.start()
    seq = at.spooler.flush(10)
    assert at.handed.open == 0
    records = at.records()
    assert [r.draft.step for r in records if r.kind is Kind.STEP] == list(range(20))
    assert not [r for r in records if r.kind is Kind.HOST]
    lines = [record_body(r) for r in records if r.kind is Kind.LOG]
    assert isinstance(lines[-1], LogLine) and lines[-1].message.startswith("029")
    assert len(lines) == 50 - dropped
    (gap,) = [record_body(r) for r in records if r.kind is Kind.GAP]
    assert gap == Gap(
        1, dropped, f"the disk did not take 20 host records, {dropped - 20} log records"
    )
    assert seq == dropped + 20 + len(lines)


def test_what_is_told_of_a_loss_is_told_without_the_lock(bench: Callable[..., Bench]) -> None:
    """A handler of Python's logging may wait for another thread that logs."""
    its = bench(limit=4000)
    its.block()
    its.spooler.start()
    stuck: list[bool] = []

    class Waits(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            other = threading.Thread(target=its.spooler.put, args=(None, []))
            other.start()
            other.join(5)
            stuck.append(other.is_alive())

    handler = Waits()
    logging.getLogger("podlog.worker.spooler").addHandler(handler)
    try:
        for step in range(30):
            its.spooler.put(None, [_draft(step, Kind.HOST)])
        its.spooler.close(5)
    finally:
        logging.getLogger("podlog.worker.spooler").removeHandler(handler)
    assert len(stuck) >= 3 and not any(stuck)
    assert its.spooler.stats()["spool_dropped"] > 0
    its.unblock()


def test_what_is_given_up_leaves_nothing_behind(bench: Callable[..., Bench]) -> None:
    """A disk that is away for long costs no memory for what was given up."""
    at = bench(limit=30_000)
    at.block()
    at.spooler.start()
    for step in range(2000):
        at.spooler.put(at.handed.ticket(), [_draft(step)])
        for _ in range(5):
            at.spooler.put(at.handed.ticket(), [_draft(step, Kind.HOST)])
    assert len(at.spooler._line) < 200
    assert len(at.handed._ahead) < 200
    assert at.handed.open < 200
    at.unblock()
    assert at.spooler.flush(10) == 12_000
    assert at.handed.open == 0
    gaps = [g for g in map(_body, at.records()) if isinstance(g, Gap)]
    lost = sum(gap.last - gap.first + 1 for gap in gaps)
    kept = [r for r in at.records() if r.kind is not Kind.GAP]
    assert lost + len(kept) == 12_000
    assert lost == at.spooler.stats()["spool_dropped"]


def test_a_single_large_draft_is_not_given_up(bench: Callable[..., Bench]) -> None:
    """What was put last stays, even if it alone is over the limit."""
    at = bench(limit=1000)
    at.spooler.put(None, [_log("first")])
    at.spooler.put(None, [_log("x" * 5000)])
    at.spooler.start()
    assert at.spooler.flush(10) == 2
    gap, kept = at.records()
    assert record_body(gap) == Gap(1, 1, "the disk did not take 1 log record")
    assert kept.kind is Kind.LOG


def _body(record: Record) -> Any:
    return record_body(record) if record.kind is Kind.GAP else None


def test_a_draft_that_cannot_be_encoded_goes_alone(bench: Callable[..., Bench]) -> None:
    """Its neighbours are spooled, in order; it is counted."""
    at = bench()
    at.spooler.put(at.handed.ticket(), [_draft(1), _draft(2, value="no number"), _draft(3)])
    at.spooler.put(at.handed.ticket(), [_log("after")])
    at.spooler.start()
    at.spooler.flush(10)
    gap, *others = at.records()
    assert record_body(gap) == Gap(1, 1, "cannot be encoded: 1 step record")
    kinds = [(r.kind, r.draft.step) for r in others]
    assert kinds == [(Kind.STEP, 1), (Kind.STEP, 3), (Kind.LOG, 0)]
    assert at.spooler.stats()["spool_dropped"] == 1
    assert at.handed.open == 0


def test_what_no_message_can_carry_becomes_an_event(bench: Callable[..., Bench]) -> None:
    """A 4 MiB payload does not block the records behind it."""
    at = bench()
    at.spooler.start()
    at.spooler.put(None, [_log("x" * (MAX_DRAFT_BYTES + 1)), _draft(9)])
    at.spooler.flush(10)
    event, step = at.records()
    body = record_body(event)
    assert isinstance(body, Event) and body.name == "too_large" and "cannot be sent" in body.text
    assert step.draft.step == 9


def test_a_forked_child_gets_an_error(bench: Callable[..., Bench]) -> None:
    """It says so instead of waiting for a lock that nobody will release."""
    at = bench()
    at.spooler.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # JAX, once loaded, warns of every fork
            pid = os.fork()
    if pid == 0:
        try:
            at.spooler.put(None, [_draft(1)])
        except ForkedError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

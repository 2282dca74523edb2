"""What a journal keeps, made by hand."""

import os
from pathlib import Path

from podlog.coordinator.database import Database
from podlog.coordinator.journal import Journal
from podlog.coordinator.tables import TABLES
from podlog.proto import podlog_pb2 as pb
from podlog.proto.records import (
    Draft,
    Dtype,
    Event,
    Kind,
    LogLine,
    Metric,
    Op,
    Record,
    RunConfig,
    Schema,
    Verdict,
)
from podlog.proto.rows import EventItem, Row, RowKey

Named = tuple[str, tuple[object, ...]]

SCHEMA = Schema(Kind.STEP, "train", (Metric("loss", Op.MEAN, (Dtype.F8, Dtype.I8)),))


def make_record(seq: int, *, process: int = 0, step: int = 1, incarnation: int = 7) -> Record:
    return Record(process, incarnation, 0, seq, Draft(SCHEMA, step, 0, 2, 3.5, (0.1 * seq, seq)))


def make_row(step: int, *, attempt: int = 1, revision: int = 0, n: int = 0) -> Row:
    key = RowKey(attempt, "train", step, Kind.STEP, n)
    return Row(key, revision, 2, 5.0, {"loss": step / 3}, processes=(0, 1))


def make_event(text: str) -> EventItem:
    return EventItem(0, 1, 2, 3, 4.0, Event("nan", text, fields={"a": "b"}))


def fill(journal: Journal, first: int, last: int) -> None:
    """Records, rows and the rest, a transaction each ten steps."""
    with journal.transaction():
        journal.set_meta("run_id", "r")
        journal.add_attempt("job", 0, 10.0)
        journal.set_member("job", 0, "{}")
        for process in range(2):
            journal.add_process(pb.Hello(process=process, incarnation=7 + process))
    for start in range(first, last, 10):
        with journal.transaction():
            steps = range(start, min(start + 10, last))
            records = [make_record(step, step=step) for step in steps]
            journal.add_records([(record, 1) for record in records])
            for record in records[:8]:
                journal.add_row(make_row(record.draft.step))
            for record in records[:4]:
                key = RowKey(1, "train", record.draft.step, Kind.STEP, 0)
                journal.assign(key, [record])
            journal.forget(records[4:8])
            journal.add_event(make_event(str(start)))
            journal.add_line(0, 1.0, start, LogLine(20, "a", "b" * 50))
            journal.set_ack(7, steps[-1])
            journal.set_made(7, steps[-1] + 3)
            journal.set_cursor("file", start, b"x" * 40, 0)
    with journal.transaction():
        journal.add_config(RunConfig("{}", os.urandom(9000)))
        journal.add_loss(8, 1, 4, "disk full")
        journal.set_verdict(Verdict("success", True, (), "", 1), "job")


def stored(path: Path) -> set[Named]:
    """All rows of all tables."""
    database = Database(path, read_only=True)
    found = {(t.name, row) for t in TABLES for row in database.execute(f"SELECT * FROM {t.name}")}
    database.close()
    return found

"""What a journal keeps, made by hand."""

from podlog.proto.records import Draft, Dtype, Event, Kind, Metric, Op, Record, Schema
from podlog.proto.rows import EventItem, Row, RowKey

SCHEMA = Schema(Kind.STEP, "train", (Metric("loss", Op.MEAN, (Dtype.F8, Dtype.I8)),))


def make_record(seq: int, *, process: int = 0, step: int = 1, incarnation: int = 7) -> Record:
    return Record(process, incarnation, 0, seq, Draft(SCHEMA, step, 0, 2, 3.5, (0.1 * seq, seq)))


def make_row(step: int, *, attempt: int = 1, revision: int = 0, n: int = 0) -> Row:
    key = RowKey(attempt, "train", step, Kind.STEP, n)
    return Row(key, revision, 2, 5.0, {"loss": step / 3}, processes=(0, 1))


def make_event(text: str) -> EventItem:
    return EventItem(0, 1, 2, 3, 4.0, Event("nan", text, fields={"a": "b"}))

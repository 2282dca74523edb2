"""What is stored, and which progress still holds."""

import time

from podlog.coordinator.intake import Intake
from podlog.coordinator.journal import Journal
from podlog.coordinator.lives import Lives
from podlog.coordinator.skews import Skews
from podlog.coordinator.streams import Stream
from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import encode_block, schema_message
from podlog.proto.records import Draft, Dtype, Kind, Metric, Op, Schema

SCHEMA = Schema(Kind.STEP, "train", (Metric("loss", Op.NUMBER, (Dtype.F8,)),))


def test_progress_that_a_newer_record_overtook_is_dropped() -> None:
    """A batch with steps 315 and 320 may carry "handed in 317", said between the two.

    Taken after them it would look as if the process had gone back.
    """
    journal = Journal(None)
    intake = Intake(journal, Lives(journal, "job", 1.0), Skews(journal, lambda *_: None))
    stream = Stream(pb.Hello(process=0, process_count=1, incarnation=7), None, lambda: None)  # type: ignore[arg-type]
    drafts = [Draft(SCHEMA, step, 0, 0, time.time(), (1.0,)) for step in (315, 320)]
    batch = pb.Batch(schemas=[schema_message(SCHEMA)], blocks=[encode_block(0, 7, 0, 1, drafts)])
    with journal.transaction():
        assert len(intake.batch(stream, batch)) == 2
        between = pb.Progress(mode="train", kind="STEP", step=317, seq=1)
        after = pb.Progress(mode="train", kind="STEP", step=322, seq=2)
        later = pb.Progress(mode="train", kind="STEP", step=324, seq=3)
        assert intake.progress(stream, [between, after, later]) == [after]
        other = pb.Progress(mode="val", kind="STEP", step=317, seq=1)
        assert intake.progress(stream, [other]) == [other]
    journal.close()


def test_what_a_process_made_is_kept_only_where_it_is_not_all_stored() -> None:
    """The ack says the rest: a stream without a backlog writes no number of its own."""
    journal = Journal(None)
    intake = Intake(journal, Lives(journal, "job", 1.0), Skews(journal, lambda *_: None))
    stream = Stream(pb.Hello(process=0, process_count=1, incarnation=7), None, lambda: None)  # type: ignore[arg-type]
    drafts = [Draft(SCHEMA, step, 0, 0, time.time(), (1.0,)) for step in (1, 2)]
    batch = pb.Batch(schemas=[schema_message(SCHEMA)], blocks=[encode_block(0, 7, 0, 1, drafts)])
    with journal.transaction():
        intake.batch(stream, batch)
        assert journal.made() == {}
        intake.made(7, 2)
        assert journal.made() == {}
        intake.made(7, 9)
        intake.made(7, 8)
    assert journal.made() == {7: 9}
    journal.close()

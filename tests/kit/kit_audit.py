"""Runs to be audited, made by hand."""

from pathlib import Path

from podlog.coordinator.journal import Journal
from podlog.proto import podlog_pb2 as pb


def hello(process: int, incarnation: int, host: str = "far", **more: object) -> pb.Hello:
    return pb.Hello(
        process=process, incarnation=incarnation, host=host, run_id="r", job_id="job", **more
    )


def make_run(folder: Path, *hellos: pb.Hello) -> Journal:
    journal = Journal(folder / "journal.sqlite")
    journal.set_meta("run_id", "r")
    journal.add_attempt("job", 0, 10.0)
    for each in hellos:
        journal.add_process(each)
    return journal

"""The pipeline: what fails on the way in holds nothing else up."""

from collections.abc import Iterator

import pytest

from podlog.cluster import Place
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Event, Kind
from podlog.worker.ending import Ending
from podlog.worker.fetch import Found
from podlog.worker.gate import Gate
from podlog.worker.pipeline import Pipeline


class Refusing(Gate):
    """What it is told of makes it raise."""

    def found(self, found: Found) -> None:
        raise RuntimeError("not today")


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    made = Pipeline(
        LoggerConfig(),
        Place(0, 1, "here"),
        ordinal=0,
        coordinator_address=None,
        postprocess=None,
        gate=Refusing(LoggerConfig(), 1),
    )
    yield made
    made.close(10.0, Ending("success"))


def test_what_cannot_be_made_holds_no_progress(pipeline: Pipeline) -> None:
    """Every ticket that was given out ends, or no later step would ever count as handed in."""
    with pytest.raises(UnicodeEncodeError):
        pipeline.tell(Event("odd", "\ud800"))
    ticket = pipeline.handed.ticket()
    with pytest.raises(RuntimeError, match="not today"):
        pipeline._sink(ticket, [], Found(Kind.STEP, "train", 1, (), ticket))
    assert pipeline.handed.open == 0

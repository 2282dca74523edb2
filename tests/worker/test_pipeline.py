"""The pipeline: what fails on the way in holds nothing else up."""

from collections.abc import Iterator

import pytest

from podlog.cluster import Place
from podlog.proto.config import LoggerConfig
from podlog.proto.records import Event, Kind
from podlog.worker.fetch import Found
from podlog.worker.pipeline import Pipeline


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    made = Pipeline(
        LoggerConfig(),
        Place(0, 1, "here"),
        ordinal=0,
        coordinator_address=None,
        postprocess=None,
        on_found=_raise,
    )
    yield made
    made.close(10.0, "success")


def _raise(_: Found) -> None:
    raise RuntimeError("not today")


def test_what_cannot_be_made_holds_no_progress(pipeline: Pipeline) -> None:
    """Every ticket that was given out ends, or no later step would ever count as handed in."""
    with pytest.raises(UnicodeEncodeError):
        pipeline.tell(Event("odd", "\ud800"))
    ticket = pipeline.handed.ticket()
    with pytest.raises(RuntimeError, match="not today"):
        pipeline._sink(ticket, [], Found(Kind.STEP, "train", 1, ()))
    assert pipeline.handed.open == 0

"""Case 25: two hosts that log one run overwrite each other by step."""

import contextlib
from collections.abc import Iterator

import pytest
from kit_peers import Voice, job, local, memory

from podlog.coordinator import Endpoint
from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto.records import Kind
from podlog.proto.rows import Row


@contextlib.contextmanager
def coordinator() -> Iterator[Endpoint]:
    endpoint = local(tools=[MemoryLoggerConfig()], setup=job(2))
    try:
        yield endpoint
    finally:
        endpoint.close(10)


def newest(endpoint: Endpoint) -> list[Row]:
    found: dict[object, Row] = {}
    for row in memory(endpoint).rows:
        if row.key not in found or row.revision > found[row.key].revision:
            found[row.key] = row
    return [found[key] for key in found]


@pytest.mark.parametrize("kind", [Kind.STEP, Kind.HOST])
@pytest.mark.parametrize("together", [True, False])
def test_both_are_kept_and_merged(kind: Kind, together: bool) -> None:
    """The key that both have is their mean and says whose extremes; others name their process.

    So it is where the second host comes after the row was given out.
    """
    with coordinator() as endpoint:
        first, second = (Voice(p, 2).connect(endpoint.connect) for p in (0, 1))
        first.log(7, {"loss": 1.0, "only0": 10.0}, kind=kind)
        first.acked()
        if not together:
            second.close()
            first.log(8, {"loss": 0.0}, kind=kind)
            first.goodbye("success")
            second = Voice(1, 2).connect(endpoint.connect)
        second.log(7, {"loss": 3.0, "only1": 20.0}, kind=kind)
        second.acked()
        if together:
            first.goodbye("success")
        second.goodbye("success")
        assert endpoint.wait_settled(20)
        (row,) = [row for row in newest(endpoint) if row.key.step == 7]

    assert dict(row.metrics) == {"loss": 2.0, "only0": 10.0, "only1": 20.0}
    assert (row.processes, row.missing) == ((0, 1), ())
    spread = row.spreads["loss"]
    assert (spread.min, spread.max) == (1.0, 3.0)

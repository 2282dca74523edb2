"""Endpoints for the coordinator's tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kit_peers import Make, job, local
from kit_server import Net

from podlog.coordinator import Endpoint


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes endpoints that are closed at the end."""
    made: list[Endpoint] = []

    def endpoint(*args: Any, **more: Any) -> Endpoint:
        made.append(local(*args, **more))
        return made[-1]

    yield endpoint
    for each in made:
        each.close(10)


@pytest.fixture
def net() -> Iterator[Callable[..., Net]]:
    """Makes endpoints that listen, closed at the end."""
    made: list[Net] = []

    def listen(processes: int = 1, **more: Any) -> Net:
        made.append(Net(job(processes, **more)))
        return made[-1]

    yield listen
    for each in made:
        each.endpoint.close(10)

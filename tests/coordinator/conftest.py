"""Endpoints for the coordinator's tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from kit_peers import Make, local

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

"""Case 65: two servers on one port share it without a word, and traffic splits between them.

Here the second coordinator says so and ends; a worker of a foreign run is refused by name.
"""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from kit_peers import Voice, job

from podlog.coordinator import Endpoint, start
from podlog.proto.config import LoggerConfig
from podlog.proto.contact import Contact
from podlog.proto.control import Failed, dump, load
from podlog.proto.errors import ConfigError, RefusedError
from podlog.worker.transport import grpc_connector


@pytest.fixture
def first() -> Iterator[Endpoint]:
    endpoint = start(LoggerConfig(), setup=job(1), listen=True)
    yield endpoint
    endpoint.close(10)


def connector(endpoint: Endpoint) -> Any:
    setup = job(1)
    address = f"127.0.0.1:{endpoint.port}"
    return grpc_connector(lambda: Contact(address, setup.token, b"", setup.job_id, setup.started))


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0"])
def test_a_second_one_in_this_process_fails(first: Endpoint, bind: str) -> None:
    """By name, whether it asks for the same address or for all."""
    with pytest.raises(ConfigError, match=f"{first.port}.*another process has the port"):
        start(LoggerConfig(), setup=job(1, port=first.port, bind=bind), listen=True)
    Voice().connect(connector(first)).close()


def test_a_second_process_fails_and_says_so(first: Endpoint) -> None:
    """`Failed` names the address; the exit status is 1; the first one serves on."""
    second = subprocess.run(
        [sys.executable, "-P", "-m", "podlog.coordinator"],
        input=dump(job(1, port=first.port)),
        capture_output=True,
        timeout=30,
    )
    said = load(second.stdout.splitlines()[0])
    assert isinstance(said, Failed)
    assert f"127.0.0.1:{first.port}" in said.message
    assert second.returncode == 1
    Voice().connect(connector(first)).close()


def test_a_foreign_run_is_refused_for_good(first: Endpoint) -> None:
    """The refusal names both runs, and the coordinator's own worker goes on."""
    own = Voice().connect(connector(first))
    run_id = own.open(run_id="mine").run_id
    own.close()
    foreign = Voice(incarnation=7)
    foreign.hello.run_id = "theirs"
    foreign.greet(connector(first))
    error = foreign.ear.wait_end()
    assert isinstance(error, RefusedError)
    assert "theirs" in str(error)
    assert run_id in str(error)
    own.connect(connector(first))
    own.log(1)
    own.acked()
    own.close()

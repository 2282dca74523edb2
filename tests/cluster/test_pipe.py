"""The pipe from a wrapped process to its launcher."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from podlog.cluster import pipe
from podlog.proto.contact import Contact

HERE = Contact("h:1", "secret", b"-----BEGIN CERTIFICATE-----", "job", 2.0)
THERE = Contact("h:2", "secret", b"", "job", 2.0)


@pytest.fixture
def inlet() -> Iterator[pipe.Inlet]:
    made = pipe.Inlet()
    yield made
    made.close()
    made.close()


def test_the_newest_contact_counts(inlet: pipe.Inlet) -> None:
    """Nothing until something was told; then the last whole line."""
    began = time.monotonic()
    assert inlet.contact(0.05) is None
    assert time.monotonic() - began >= 0.04
    assert pipe.tell(inlet.name, HERE)
    assert inlet.contact(5.0) == HERE
    os.write(inlet.outlet, b"no contact\n" + THERE.to_json().encode())
    assert inlet.contact() == HERE
    os.write(inlet.outlet, b"\n")
    assert inlet.contact() == THERE


def test_a_child_tells_and_ends(inlet: pipe.Inlet) -> None:
    """What an inherited pipe was told is there after the child and all ends are gone."""
    code = (
        "import sys; from podlog.cluster import pipe; from podlog.proto.contact import Contact;"
        f"sys.exit(not pipe.tell('{inlet.name}', Contact('h:1', 't', b'', 'j', 1.0)))"
    )
    subprocess.run([sys.executable, "-c", code], pass_fds=(inlet.outlet,), check=True)
    inlet.handed()
    for _ in range(2):
        told = inlet.contact(1.0)
        assert told is not None and told.address == "h:1"


def test_a_process_without_the_pipe_writes_nowhere(tmp_path: Path) -> None:
    """A name that was inherited without its pipe may be another file's number by now."""
    for name in ("", "x", "999:1", "5", ":"):
        assert not pipe.tell(name, HERE)
    with (tmp_path / "mine").open("wb") as mine:
        assert not pipe.tell(f"{mine.fileno()}:{os.fstat(mine.fileno()).st_ino}", HERE)
    inlet, outlet = os.pipe()
    assert not pipe.tell(f"{outlet}:{os.fstat(outlet).st_ino + 1}", HERE)
    os.close(outlet)
    assert os.read(inlet, 10) == b""
    os.close(inlet)
    assert (tmp_path / "mine").read_bytes() == b""


def test_a_full_pipe_or_a_launcher_that_is_gone_costs_nothing(inlet: pipe.Inlet) -> None:
    """A Logger neither waits nor fails."""
    while pipe.tell(inlet.name, HERE):
        pass
    assert inlet.contact() == HERE
    name = inlet.name
    outlet = os.dup(inlet.outlet)
    inlet.close()
    number, _, inode = name.partition(":")
    assert not pipe.tell(f"{outlet}:{inode}", HERE)
    assert not pipe.tell(name, HERE) or number == ""
    os.close(outlet)

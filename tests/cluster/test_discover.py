"""How a Logger finds or starts its coordinator."""

import dataclasses
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest

from podlog.cluster import Place, address, env
from podlog.cluster.discover import Attachment, attach
from podlog.cluster.pipe import Inlet
from podlog.cluster.telling import Teller
from podlog.coordinator.tools import MemoryLogger, MemoryLoggerConfig
from podlog.proto.config import LoggerConfig, SecurityConfig
from podlog.proto.contact import Contact
from podlog.proto.errors import ConfigError, MisuseError, UnavailableError

ALONE = Place(0, 1, "here")
IN_POD = Place(1, 4, "here")
TOLD = env.Environment("h:1", "secret", b"-----BEGIN CERTIFICATE-----", "job", 2.0)


def _tell(monkeypatch: pytest.MonkeyPatch, said: env.Environment) -> None:
    for name, value in said.variables().items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("place", [ALONE, IN_POD])
def test_told_by_the_launcher(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    """``PODLOG_COORDINATOR`` serves the first Logger, and is read again at each call."""
    _tell(monkeypatch, TOLD)
    attachment = attach(LoggerConfig(), place)
    assert attachment.endpoint is None
    assert attachment.tools == []
    assert attachment.contact() == Contact("h:1", "secret", TOLD.cert, "job", 2.0)
    monkeypatch.setenv(env.COORDINATOR, "h:2")
    assert attachment.contact().address == "h:2"
    monkeypatch.delenv(env.COORDINATOR)
    assert attachment.contact().address == "h:2"
    assert attachment.close(1.0)


def test_a_contact_file_that_is_not_there_yet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is waited for: nobody starts a second coordinator because a file came late."""
    path = tmp_path / "contact"
    monkeypatch.setenv(env.CONTACT, str(path))
    attachment = attach(LoggerConfig(coordinator="external"), ALONE)
    assert attachment.endpoint is None
    with pytest.raises(UnavailableError, match=r"process 0: PODLOG_CONTACT .*contact names no"):
        attachment.contact(0.01)
    told = Contact("h:1", "secret", b"", "job", 2.0)
    told.save(path)
    assert attachment.contact() == told
    path.unlink()
    assert attachment.contact() == told


def test_the_launcher_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """On its pipe, as soon as the coordinator is known and whenever it is another one."""
    inlet = Inlet()
    _tell(monkeypatch, env.Environment(pipe=inlet.name))
    found = [Contact("h:1", "t", b"", "j", 1.0), Contact("h:2", "t", b"", "j", 1.0)]
    tell = Teller(env.read(), IN_POD, "podlog/1/0")
    attachment = Attachment(IN_POD, look=lambda _: found[0], tell=tell)
    try:
        assert inlet.contact(0.01) is None
        attachment.contact()
        attachment.contact()
        assert inlet.contact() == found[0]
        assert inlet._rest == b""
        del found[0]
        attachment.contact()
        assert inlet.contact() == found[0]
    finally:
        inlet.close()


def test_process_0_without_a_store_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It cannot tell the others where the launcher's coordinator is: a warning, no error."""
    _tell(monkeypatch, dataclasses.replace(TOLD, publish=True))
    attachment = attach(LoggerConfig(), Place(0, 4, "here"))
    assert attachment.contact().address == "h:1"
    assert "the other processes are not told where the coordinator is" in caplog.text


def test_second_logger_does_not_share_the_launchers_coordinator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A further Logger of a single process has a coordinator of its own."""
    _tell(monkeypatch, TOLD)
    attachment = attach(LoggerConfig(), ALONE, ordinal=1)
    try:
        assert attachment.endpoint is not None
    finally:
        attachment.close(10.0)


def test_argument_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument is taken before the environment, with the environment's token."""
    _tell(monkeypatch, TOLD)
    attachment = attach(LoggerConfig(), IN_POD, coordinator_address="other:9")
    assert attachment.contact() == Contact("other:9", "secret", TOLD.cert, "job", 2.0)


def test_argument_with_files(tmp_path: Path) -> None:
    """Token and certificate may come from files; the key is the coordinator's own affair."""
    (tmp_path / "t").write_text("t0ken\n")
    (tmp_path / "c").write_text("pem")
    security = SecurityConfig(
        token_file=tmp_path / "t", cert_file=tmp_path / "c", key_file=tmp_path / "not-here"
    )
    attachment = attach(LoggerConfig(security=security), IN_POD, coordinator_address="o:9")
    contact = attachment.contact()
    assert (contact.token, contact.cert) == ("t0ken", b"pem")


def test_argument_without_secrets(tmp_path: Path) -> None:
    """What is missing is named, with every way to give it."""
    with pytest.raises(ConfigError, match=rf"token.*{env.TOKEN}.*security\.token_file"):
        attach(LoggerConfig(), IN_POD, coordinator_address="o:9")
    (tmp_path / "t").write_text("t0ken\n")
    config = LoggerConfig(security=SecurityConfig(token_file=tmp_path / "t"))
    with pytest.raises(ConfigError, match=rf"certificate.*{env.CERT}"):
        attach(config, IN_POD, coordinator_address="o:9")


def test_external_without_an_address() -> None:
    """An external coordinator that nobody names is an error that says how to name it."""
    with pytest.raises(ConfigError, match=f"coordinator_address.*{env.COORDINATOR}"):
        attach(LoggerConfig(coordinator="external"), ALONE)


def test_pod_without_a_store() -> None:
    """Processes that cannot find each other are told how."""
    with pytest.raises(MisuseError, match=r"process 1 of 4.*jax\.distributed\.initialize"):
        attach(LoggerConfig(), IN_POD)


def test_not_published() -> None:
    """A coordinator that is not published is unavailable, not an endless wait."""
    with pytest.raises(UnavailableError, match="process 1: process 0 did not publish"):
        Attachment(IN_POD, look=lambda _: None).contact(0.01)


def test_single_process(tmp_path: Path) -> None:
    """Alone, the coordinator and its tools live in this process, without a network."""
    config = LoggerConfig(log_path=tmp_path / "run", log_tools=[MemoryLoggerConfig()])
    attachment = attach(config, ALONE)
    try:
        assert attachment.endpoint is not None
        assert attachment.endpoint.port == 0
        (tool,) = attachment.tools
        assert isinstance(tool, MemoryLogger)
        assert attachment.known is not None
        assert attachment.known.job_id
    finally:
        assert attachment.close(20.0)
        assert attachment.close(1.0)


POD = """
import sys, psutil
from pathlib import Path
import podlog.cluster
from podlog.cluster import pod
from podlog.cluster.discover import attach
from podlog.proto.config import LoggerConfig
podlog.cluster.initialize()
place = podlog.cluster.where()
config = LoggerConfig(log_path=Path(sys.argv[1]), coordinator=sys.argv[2])
attachment = attach(config, place, ordinal=3)
contact = attachment.contact(30.0)
host, port = contact.address.rsplit(":", 1)
listeners = {
    c.pid for c in psutil.net_connections("tcp")
    if c.status == psutil.CONN_LISTEN and c.laddr.port == int(port)
}
print(contact.to_json())
print(host, len(listeners), place.process_index, len(attachment.tools))
pod.publish(f"done/{place.process_index}", "1")
for index in range(place.process_count):
    assert pod.lookup(f"done/{index}", 30.0) == "1"
attachment.close(0.5)
"""


@pytest.mark.processes
@pytest.mark.parametrize("kind", ["child", "thread"])
def test_pod_of_two(tmp_path: Path, kind: str) -> None:
    """Process 0 starts a coordinator that listens on the loopback; both get the same contact."""
    port = address.free_port()
    files = [tmp_path / f"{i}.out" for i in range(2)]
    processes = []
    for index, file in enumerate(files):
        with file.open("w") as out:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", textwrap.dedent(POD), str(tmp_path / "run"), kind],
                    env={**os.environ, **env.child(env.Environment(), index, 2, port, 1)},
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
            )
    try:
        codes = [process.wait(50) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    outputs = [file.read_text() for file in files]
    assert codes == [0, 0], outputs
    found = [Contact.from_json(output.splitlines()[-2]) for output in outputs]
    assert found[0] == found[1]
    assert found[0].cert
    assert [output.splitlines()[-1] for output in outputs] == [
        f"127.0.0.1 1 {index} 0" for index in range(2)
    ]
    _wait_gone(found[0].job_id)


def _wait_gone(job_id: str) -> None:
    """Waits until no process of the job runs: the coordinator has ended by itself."""
    deadline = time.monotonic() + 15
    while any(_is_of(process, job_id) for process in psutil.process_iter()):
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def _is_of(process: psutil.Process, job_id: str) -> bool:
    try:
        return process.environ().get(env.JOB) == job_id and process.status() != "zombie"
    except psutil.Error:
        return False

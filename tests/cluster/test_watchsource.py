"""Where `podlog watch` looks: addresses, contact files, folders, and what it does when they go."""

import errno
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_coordinator import Lone
from kit_until import until

from podlog.cluster import jobs
from podlog.cluster.watch import status_of
from podlog.cluster.watchsource import by_address, by_folder, contact_of
from podlog.coordinator import Endpoint, start, watchfolder
from podlog.coordinator.fencefile import Holder, write
from podlog.coordinator.journal import Journal
from podlog.proto import podlog_pb2 as pb
from podlog.proto.alive import boot_id, start_time
from podlog.proto.config import LoggerConfig, SecurityConfig
from podlog.proto.contact import Contact
from podlog.proto.errors import ConfigError, JournalError, UnavailableError


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Endpoint, Contact]]:
    """A coordinator with TLS and token, and how to reach it."""
    setup = jobs.new_job(SecurityConfig(), 2)
    endpoint = start(LoggerConfig(), setup=setup, listen=True)
    address = f"127.0.0.1:{endpoint.port}"
    yield endpoint, Contact(address, setup.token, setup.cert, setup.job_id, setup.started)
    endpoint.close(5)


def first(target: str, token_file: Path | None = None, cert_file: Path | None = None) -> str:
    """The job that is seen there."""
    looks = by_address(contact_of(target, token_file, cert_file), 0.2)
    try:
        return next(looks).snapshot.job_id
    finally:
        looks.close()


def test_a_coordinator_is_found_by_contact_file_environment_and_files(
    served: tuple[Endpoint, Contact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Each way to say the token and the certificate."""
    _, contact = served
    file, token, cert = (tmp_path / name for name in ("contact.json", "token", "cert.pem"))
    contact.save(file)
    token.write_text(contact.token + "\n")
    cert.write_bytes(contact.cert)
    assert first(str(file)) == contact.job_id
    assert first(contact.address, token, cert) == contact.job_id
    with monkeypatch.context() as said:
        said.setenv("PODLOG_CONTACT", str(file))
        assert first(contact.address) == contact.job_id
    monkeypatch.setenv("PODLOG_TOKEN", contact.token)
    monkeypatch.setenv("PODLOG_CERT", str(cert))
    assert first(contact.address) == contact.job_id


def test_what_is_wrong_is_said(
    served: tuple[Endpoint, Contact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """No such thing, no token, a wrong one, nobody there."""
    _, contact = served
    wrong = tmp_path / "token"
    wrong.write_text("cd" * 32)
    cert = tmp_path / "cert"
    cert.write_bytes(contact.cert)
    with pytest.raises(ConfigError, match="no run's folder, no contact file and no host:port"):
        contact_of("runs/first", None, None)
    with pytest.raises(ConfigError, match="set PODLOG_TOKEN or PODLOG_CONTACT"):
        contact_of(contact.address, None, None)
    with pytest.raises(ConfigError, match="cannot be read"):
        contact_of(contact.address, tmp_path / "none", None)
    with pytest.raises(ConfigError, match=r"UNAUTHENTICATED.*PODLOG_TOKEN or --token-file"):
        first(contact.address, wrong, cert)
    monkeypatch.setenv("PODLOG_TOKEN", contact.token)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
        first("127.0.0.1:1")
    with pytest.raises(UnavailableError):
        first(contact.address)  # TLS there, none here
    for content in (b"{}", b"train()", b"SQLite\xff\xfe"):
        (tmp_path / "broken.json").write_bytes(content)
        with pytest.raises(ConfigError, match=r"broken\.json is neither"):
            first(str(tmp_path / "broken.json"))


def test_a_folder_without_a_run_is_told(tmp_path: Path):
    """At once."""
    with pytest.raises(JournalError, match="does not exist"):
        next(by_folder(tmp_path, 0.2))


def test_a_coordinator_that_is_started_again_is_found_again(tmp_path: Path):
    """Meanwhile the last view stands, with a note; at another port if the file says so."""
    lone = Lone(tmp_path, 1)
    file = tmp_path / "contact.json"

    def save() -> None:
        setup = lone.setup
        address = f"127.0.0.1:{lone.port}"
        Contact(address, setup.token, setup.cert, setup.job_id, setup.started).save(file)

    seen: list[tuple[str, ...]] = []
    stop = threading.Event()

    def look() -> None:
        looks = by_address(contact_of(str(file), None, None), 0.2)
        for each in looks:
            seen.append(each.notes)
            if stop.is_set():
                break
        looks.close()

    save()
    watcher = threading.Thread(target=look, name="watcher")
    watcher.start()
    try:
        until(lambda: seen)
        lone.kill()
        until(lambda: seen[-1])
        assert "UNAVAILABLE" in seen[-1][0]
        lone.start()
        save()
        until(lambda: not seen[-1])
    finally:
        stop.set()
        watcher.join(20)
        lone.close()
    assert not watcher.is_alive()


def test_a_coordinator_that_stays_away_ends_it(tmp_path: Path):
    """After a while, with its last error."""
    lone = Lone(tmp_path, 1)
    setup = lone.setup
    contact = Contact(f"127.0.0.1:{lone.port}", setup.token, setup.cert, setup.job_id, 0.0)
    looks = by_address(lambda: contact, 0.2, again_s=0.5)
    try:
        assert next(looks).snapshot.job_id == setup.job_id
        lone.kill()
        with pytest.raises(UnavailableError, match="UNAVAILABLE"):
            list(looks)
    finally:
        lone.close()


def verdict(status: str, *, final: bool = True) -> pb.Verdict:
    return pb.Verdict(status=status, final=final)


@pytest.mark.parametrize(
    ("snapshot", "status"),
    [
        (pb.Snapshot(), 0),
        (pb.Snapshot(verdict=verdict("unfinished", final=False)), 0),
        (pb.Snapshot(members=[pb.MemberView(state="stalled")]), 3),
        (pb.Snapshot(members=[pb.MemberView(state="lost")]), 0),
        (pb.Snapshot(verdict=verdict("success")), 0),
        (pb.Snapshot(verdict=verdict("failure")), 1),
        (pb.Snapshot(verdict=verdict("unfinished")), 1),
        (pb.Snapshot(verdict=verdict("nan")), 65),
        (pb.Snapshot(verdict=verdict("lost", final=False), settled=True), 70),
        (pb.Snapshot(verdict=verdict("preempted")), 75),
        (pb.Snapshot(verdict=verdict("interrupted")), 130),
    ],
)
def test_the_exit_status_tells_how_it_stands(snapshot: pb.Snapshot, status: int):
    """For a scheduler's probe."""
    assert status_of(snapshot) == status


@pytest.fixture
def going(tmp_path: Path) -> Iterator[Path]:
    """The folder of a run whose coordinator lives, as far as can be seen."""
    run = tmp_path / "run"
    run.mkdir()
    journal = Journal(run / "journal.sqlite")
    journal.set_meta("job", "a")
    pid = os.getpid()
    write(run, Holder("here", pid, "a", time.time() + 60, boot_id(), start_time(pid)))
    yield run
    journal.close()


def test_a_folder_that_is_deleted_ends_it(going: Path) -> None:
    """After a while, in which the last view stands with a note."""
    looks = by_folder(going, 0.05, again_s=0.3)
    assert not next(looks).snapshot.settled
    shutil.rmtree(going)
    assert next(looks).notes == (f"{going} is not there any more",)
    began = time.monotonic()
    with pytest.raises(JournalError, match=r"run is not there any more$"):
        list(looks)
    assert 0.1 < time.monotonic() - began < 10


def test_a_folder_that_comes_again_is_looked_at(going: Path) -> None:
    """One on a network may be away for a moment: the time it is given begins anew."""
    looks = by_folder(going, 0.05, again_s=5.0)
    next(looks)
    going.rename(going.with_name("away"))
    assert next(looks).notes
    going.with_name("away").rename(going)
    assert "any more" not in "".join(next(looks).notes)
    looks.close()


def test_a_folder_that_cannot_be_read_is_one_line(
    going: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a network's file system raises, which is no sign that nothing is there."""

    def stale(_: Path) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(watchfolder, "is_live", stale)
    with pytest.raises(JournalError, match=r"run cannot be read \(Stale file handle\)"):
        next(by_folder(going, 0.05))

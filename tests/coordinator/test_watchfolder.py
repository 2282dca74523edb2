"""How a run stands, seen by somebody who has only its folder."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_coordinator import Lone, wait_events
from kit_peers import Make, Voice, job
from kit_until import until
from kit_watch import written

from podlog.coordinator.fencefile import holder
from podlog.coordinator.snapshotjson import as_json, from_json
from podlog.coordinator.watchfile import NAME, WatchFile
from podlog.coordinator.watchfolder import look_at_folder
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig
from podlog.proto.errors import JournalError, WireError
from podlog.proto.records import Kind

LEASE_S = 2.0


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Lone]:
    """A coordinator in a process of its own."""
    found = Lone(tmp_path, 2)
    yield found
    found.close()


def begun(lone: Lone) -> list[Voice]:
    """Two workers that have logged steps 0 to 3."""
    voices = lone.voices()
    lone.open(voices[0], takeover_s=LEASE_S)
    for step in range(4):
        for voice in voices:
            voice.log(step)
    for voice in voices:
        voice.send(heartbeat=pb.Heartbeat(step=3, mode="train", phase="data", training=1))
        voice.acked()
    return voices


def states(snapshot: pb.Snapshot) -> list[str]:
    return [member.state for member in snapshot.members]


@pytest.mark.parametrize("name", ["", "nothing"])
def test_where_no_run_is_there_is_nothing_to_see(tmp_path: Path, name: str):
    """An empty folder, and none at all."""
    with pytest.raises(JournalError, match="does not exist"):
        look_at_folder(tmp_path / name)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"[]", b""])
def test_a_view_that_is_damaged_is_as_good_as_none(lone: Lone, data: bytes):
    """The journal says what it can."""
    begun(lone)
    until(lambda: (lone.folder / NAME).exists())
    (lone.folder / NAME).write_bytes(data)
    assert len(look_at_folder(lone.folder).snapshot.members) > 0


def test_a_live_run_is_seen_and_a_settled_one_told_from_its_journal(lone: Lone):
    """``watch.json`` is there while it runs, without secrets, and goes when all is settled."""
    voices = begun(lone)
    until(lambda: written(lone.folder).snapshot.step_max == 3)
    seen = look_at_folder(lone.folder)
    assert states(seen.snapshot) == ["running", "running"]
    assert (seen.snapshot.settled, seen.notes) == (False, ())
    assert {member.phase for member in seen.snapshot.members} == {"data"}
    assert lone.setup.token not in (lone.folder / NAME).read_text()
    for voice in voices:
        voice.finalize("success")
    for voice in voices:
        voice.verdict()
        voice.goodbye()
    assert lone.settle().status == "success"
    until(lambda: holder(lone.folder) is None)
    assert not (lone.folder / NAME).exists()
    last = look_at_folder(lone.folder).snapshot
    assert (last.settled, last.verdict.final, last.verdict.status) == (True, True, "success")
    assert states(last) == ["goodbye", "goodbye"]
    assert [member.host for member in last.members] == ["host0", "host1"]
    assert (last.rows, last.step_max, last.attempt, last.job_id) == (4, 3, 1, "job-1")


def test_a_finished_run_of_host_metrics_has_a_step(lone: Lone) -> None:
    """Where no step was logged by ``log_step``."""
    voices = lone.voices()
    lone.open(voices[0])
    for voice in voices:
        voice.ear.wait("opened")
        voice.log(5, kind=Kind.HOST)
        voice.finalize()
    for voice in voices:
        voice.verdict()
        voice.goodbye()
    lone.settle()
    until(lambda: holder(lone.folder) is None)
    assert look_at_folder(lone.folder).snapshot.step_max == 5


def test_a_run_that_was_left_is_lost_once_its_lease_is_over(lone: Lone, make: Make):
    """Until then another coordinator may come; the next job says the same for good."""
    begun(lone)
    until(lambda: written(lone.folder).snapshot.step_max == 3)
    lone.kill()
    found = holder(lone.folder)
    assert found is not None
    seen = look_at_folder(lone.folder)
    if time.time() < found.expires:
        assert not seen.snapshot.settled
        assert seen.notes[0].startswith("its coordinator is gone; another may take its place")
    until(lambda: look_at_folder(lone.folder).snapshot.settled, timeout=LEASE_S + 10)
    lost = look_at_folder(lone.folder).snapshot
    assert (lost.verdict.status, lost.verdict.final) == ("lost", False)
    assert lost.verdict.root_cause == "its coordinator ended without a verdict"
    assert states(lost) == ["lost", "lost"]
    assert lost.step_max == 3

    (lone.folder / NAME).unlink()  # only the journal is left
    again = look_at_folder(lone.folder).snapshot
    assert (again.verdict, again.step_max, again.rows) == (lost.verdict, 3, lost.rows)
    endpoint = make(LoggerConfig(log_path=lone.folder), setup=job(job_id="job-2", started=2000.0))
    (verdict,) = wait_events(lone.folder, "verdict")
    assert verdict.event.text == "verdict: lost: its coordinator ended without a verdict"
    assert look_at_folder(lone.folder).snapshot.job_id == "job-2"
    endpoint.close(10)


def test_a_coordinator_that_is_started_again_takes_up_the_view(lone: Lone):
    """Rows are counted on, and processes come back."""
    voices = begun(lone)
    until(lambda: written(lone.folder).snapshot.rows >= 3)
    lone.kill()
    lone.start()
    for voice in voices:
        voice.come_back(lone.connector())
        voice.log(4)
        voice.acked()

    def back() -> bool:
        snapshot = look_at_folder(lone.folder).snapshot
        return states(snapshot) == ["running"] * 2 and snapshot.step_max == 4

    until(back)
    until(lambda: look_at_folder(lone.folder).snapshot.rows >= 4)


def test_a_run_of_one_process_is_seen_too(make: Make, tmp_path: Path):
    """The coordinator in the training process writes the same file, and takes it away."""
    endpoint = make(LoggerConfig(log_path=tmp_path))
    voice = Voice().connect(endpoint.connect)
    until(lambda: states(written(tmp_path).snapshot) == ["running"])
    voice.goodbye("success")
    assert endpoint.close(10) is True
    assert not (tmp_path / NAME).exists()


def test_a_disk_that_stalls_holds_nobody_up(tmp_path: Path):
    """Of what could not be written only the newest is; the end is bounded."""
    os.mkfifo(tmp_path / f"{NAME}.new")  # writing waits for a reader
    file = WatchFile(tmp_path)
    file.start()
    file.write(pb.Snapshot())
    until(lambda: file._next is None)
    began = time.monotonic()
    for number in range(1000):
        file.write(pb.Snapshot(rows=number))
    assert time.monotonic() - began < 1.0
    file.close(remove=True)
    assert time.monotonic() - began < 5.0
    reader = threading.Thread(target=(tmp_path / f"{NAME}.new").read_bytes)
    reader.start()
    reader.join(10)
    until(lambda: "podlog-watch" not in {thread.name for thread in threading.enumerate()})
    assert not (tmp_path / NAME).exists()


def test_a_folder_that_cannot_be_written_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """It is tried again with each Snapshot."""
    gone = tmp_path / "run"
    file = WatchFile(gone)
    file.start()
    for number in range(3):
        file.write(pb.Snapshot(rows=number))
        until(lambda: file._next is None)
    until(lambda: caplog.records)
    gone.mkdir()
    file.write(pb.Snapshot(rows=3))
    until(lambda: (gone / NAME).exists())
    assert from_json((gone / NAME).read_text()).rows == 3
    file.close(remove=False)
    assert len(caplog.records) == 1


def test_a_snapshot_is_strict_json_with_numbers():
    """Every field is there; what is no number in JSON is a string; it can be read again."""
    snapshot = pb.Snapshot(run_id="a", rows=2**40, members=[pb.MemberView(lag=3, skew_s=1.5)])
    snapshot.verdict.waiting_for.extend([1, 2])
    values = json.loads(as_json(snapshot))
    assert (values["rows"], values["members"][0]["lag"]) == (2**40, 3)
    assert values["verdict"]["waiting_for"] == [1, 2]
    assert (values["stop"], values["tools"], values["members"][0]["connected"]) == ("", [], False)
    assert from_json(as_json(snapshot)) == snapshot
    snapshot.members[0].skew_s = float("nan")
    assert json.loads(as_json(snapshot))["members"][0]["skew_s"] == "NaN"
    from_json(as_json(snapshot))
    assert from_json('{"rows": 1, "of_a_newer_version": 2}').rows == 1
    for text in ("", "[]", "null", '{"rows": "x"}', '{"members": 3}'):
        with pytest.raises(WireError):
            from_json(text)

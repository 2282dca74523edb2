"""Watching a job over the network: what is shown, to whom, and the last Snapshot."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from kit_server import Net
from kit_until import until
from kit_watch import calls, once, watch

from podlog.cluster.watch import status_of
from podlog.coordinator import watchers
from podlog.coordinator.watchers import MOST
from podlog.proto import podlog_pb2 as pb

MakeNet = Callable[..., Net]


def states(snapshot: pb.Snapshot) -> list[str]:
    return [member.state for member in snapshot.members]


def test_before_the_run_is_open_it_shows_who_waits(net: MakeNet):
    """Nobody has opened the run: processes that are here, and those that are not."""
    job = net(2)
    voice = job.voices(2)[1]
    snapshot = once(job)
    assert states(snapshot) == ["joining", "joining"]
    assert [(m.host, m.connected) for m in snapshot.members] == [("host0", True), ("host1", True)]
    assert (snapshot.job_id, snapshot.started, snapshot.run_id) == ("job-1", 1000.0, "")
    assert list(snapshot.verdict.waiting_for) == [0, 1]
    voice.close()
    until(lambda: not once(job).members[1].connected)


def test_it_shows_what_heartbeats_say(net: MakeNet, tmp_path: Path):
    """Steps, lag, phases, queues, NaNs and clocks of each process, and the front."""
    job = net(2)
    voices = job.voices(2)
    job.open(voices[0], tmp_path)
    for voice, step in zip(voices, (12, 9), strict=True):
        voice.send(
            heartbeat=pb.Heartbeat(
                step=step,
                mode="train",
                phase="data",
                idle_s=1.5,
                backlog=3,
                pending=2,
                nans=4,
                step_s=0.25,
                offset_s=-0.5,
                round_trip_s=0.001,
                training=1,
            )
        )
    until(lambda: once(job).step_min == 9)
    snapshot = once(job)
    assert (snapshot.run_id != "", snapshot.log_path) == (True, str(tmp_path))
    assert (snapshot.step_min, snapshot.step_max, snapshot.attempt) == (9, 12, 1)
    assert states(snapshot) == ["running", "running"]
    member = snapshot.members[1]
    assert (member.step, member.lag, member.mode, member.phase) == (9, 3, "train", "data")
    assert (member.backlog, member.pending, member.nans) == (3, 2, 4)
    assert (member.step_s, member.skew_s, member.connected) == (0.25, 0.5, True)
    assert 1.5 <= member.idle_s < 20
    assert 0 <= member.heard_s < 20
    assert [(tool.name, tool.problem) for tool in snapshot.tools] == [("files", "")]
    assert not snapshot.settled


def test_a_stalled_process_is_told_from_those_that_wait_for_it(net: MakeNet):
    """The culprit has its reason, the others name it; a probe's exit status is 3."""
    job = net(3)
    voices = job.voices(3)
    job.open(voices[0], None)
    for voice, step in zip(voices, (8, 7, 8), strict=True):
        beat = pb.Heartbeat(step=step, mode="train", idle_s=100.0, longest_s=1.0, gate=-1)
        voice.send(heartbeat=beat)
    until(lambda: states(once(job)) == ["stalled"] * 3)
    reasons = [member.reason for member in once(job).members]
    assert reasons[0] == reasons[2] == "waiting for process 1"
    assert "waiting" not in reasons[1]
    assert status_of(once(job)) == 3


def test_records_are_newer_than_heartbeats(net: MakeNet):
    """The step is that of the last record handed in; rows are counted."""
    job = net(1)
    (voice,) = job.voices(1)
    job.open(voice, None)
    for step in range(5):
        voice.acked(voice.log(step))
    until(lambda: once(job).step_max == 4)
    until(lambda: once(job).rows >= 4)


def test_the_last_snapshot_has_the_verdict(net: MakeNet, tmp_path: Path):
    """The stream goes on until the job has settled, and ends well with it."""
    job = net(2)
    voices = job.voices(2)
    job.open(voices[0], tmp_path)
    seen: list[pb.Snapshot] = []
    watcher = threading.Thread(target=lambda: seen.extend(watch(job, interval_s=0.2)))
    watcher.start()
    until(lambda: seen)
    for voice in voices:
        voice.log(1)
        voice.finalize("success")
    for voice in voices:
        voice.verdict()
        voice.goodbye()
    watcher.join(20)
    last = seen[-1]
    assert [snapshot.settled for snapshot in seen] == [False] * (len(seen) - 1) + [True]
    assert (last.verdict.status, last.verdict.final, last.rows) == ("success", True, 1)
    assert states(last) == ["goodbye", "goodbye"]
    assert once(job) == last


def test_it_begins_at_once_and_ends_when_it_is_left(net: MakeNet):
    """A watcher that goes is not counted any more; so many may look at a time."""
    job = net(1)
    many = [watch(job, interval_s=60) for _ in range(MOST)]
    assert all(next(each).job_id == "job-1" for each in many)
    with pytest.raises(grpc.RpcError) as refused:
        next(watch(job))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    for each in many:
        each.close()
    until(lambda: _served(job))


def test_an_interval_that_is_no_number_is_not_taken_for_none(net: MakeNet) -> None:
    """It neither keeps the server busy nor stops its clock."""
    seen = watch(net(1), interval_s=float("nan"))
    began = time.monotonic()
    for _ in range(3):
        next(seen)
    assert time.monotonic() - began >= 0.3
    seen.close()


def _served(job: Net) -> bool:
    try:
        return once(job).job_id == "job-1"
    except grpc.RpcError:
        return False


@pytest.mark.parametrize(
    ("frame", "token", "status"),
    [
        (b"", "cd" * 32, grpc.StatusCode.UNAUTHENTICATED),
        (b"", "", grpc.StatusCode.UNAUTHENTICATED),
        (b"\xff", None, grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x12\x00" * 1024, None, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_strangers_and_nonsense_are_refused(
    net: MakeNet, frame: bytes, token: str | None, status: grpc.StatusCode
):
    """Without the job's token nothing is shown."""
    job = net(1)
    with pytest.raises(grpc.RpcError) as refused:
        list(calls(job, frame, token))
    assert refused.value.code() is status
    assert once(job).job_id == "job-1"


def test_a_coordinator_that_is_busy_is_seen_to_be(net: MakeNet, monkeypatch: pytest.MonkeyPatch):
    """What was seen last is sent again, with its old time, until there is news."""
    monkeypatch.setattr(watchers, "NEWS_S", 0.1)
    job = net(1)
    going = watch(job, interval_s=0.2)
    first = next(going).time
    held = threading.Event()
    job.endpoint._coordinator.post(lambda: held.wait(30))
    times = [next(going).time for _ in range(4)]
    assert times[-1] == times[-2] >= first
    held.set()
    until(lambda: next(going).time > times[-1])
    going.close()


def test_a_slow_process_is_named_once(net: MakeNet, tmp_path: Path):
    """A finding in each Snapshot, one event and one line in ``output.log``."""
    job = net(3)
    voices = job.voices(3)
    job.open(voices[0], tmp_path)
    for steps in range(0, 101, 10):
        for voice in voices:
            data = steps * (0.4 if voice is voices[2] else 0.3)
            beat = pb.Heartbeat(steps=steps, phase_s={"data": data}, step_s=1.0, mode="train")
            voice.send(heartbeat=beat)
    until(lambda: once(job).findings)
    (finding,) = once(job).findings
    assert finding.startswith("process 2 is slow: it waits 400 ms a step for its data")
    assert [round(member.data_s, 3) for member in once(job).members] == [0.3, 0.3, 0.4]
    log = tmp_path / "output.log"
    until(lambda: log.exists() and "process 2 is slow" in log.read_text())
    assert log.read_text().count("is slow") == 1

"""What overtakes records on their way to the state thread: heartbeats, requests, failures."""

import time

from kit_peers import Make, Voice, job, rows
from kit_until import until

from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig, TimingConfig


def pair(make: Make, **timing: float) -> tuple[object, list[Voice]]:
    endpoint = make(LoggerConfig(timing=TimingConfig(**timing)), [MemoryLoggerConfig()], job(2))
    voices = [Voice(process, 2).connect(endpoint.connect) for process in range(2)]
    for voice in voices:
        voice.log(1)
        voice.acked()
    return endpoint, voices


def test_a_row_waits_for_records_that_a_heartbeat_has_overtaken(make: Make) -> None:
    """The worker has sent them all, but the coordinator does not have them."""
    endpoint, (first, second) = pair(make, row_timeout_s=0.3)
    second.send(heartbeat=pb.Heartbeat(sent=1.0, made=2, backlog=0))
    second.ear.wait("heartbeat_reply")
    first.log(2)
    first.acked()
    later = time.monotonic() + 0.8
    until(lambda: time.monotonic() > later)
    second.log(2)
    second.acked()
    for voice in (first, second):
        voice.goodbye("success")
    assert endpoint.wait_settled(10)
    assert [(r.key.step, r.revision, r.processes) for r in rows(endpoint)] == [
        (1, 0, (0, 1)),
        (2, 0, (0, 1)),
    ]


def test_a_journal_that_was_lost_leaves_nothing_to_wait_for(make: Make) -> None:
    """What the one before it had acknowledged never comes."""
    endpoint = make(
        LoggerConfig(timing=TimingConfig(row_timeout_s=0.3)), [MemoryLoggerConfig()], job(2)
    )
    first, second = (Voice(process, 2) for process in range(2))
    second.hello.acked = 7
    for voice in (first, second):
        voice.connect(endpoint.connect)
    second.send(heartbeat=pb.Heartbeat(sent=1.0, made=7, backlog=0))
    second.ear.wait("heartbeat_reply")
    first.log(2)
    until(lambda: len(rows(endpoint)) == 1)
    for voice in (first, second):
        voice.goodbye("success")
    assert endpoint.wait_settled(10)

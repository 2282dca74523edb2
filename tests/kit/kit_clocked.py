"""A job in one test: what its training threads do, and what its coordinator makes of it."""

from podlog.coordinator.core.members import Members
from podlog.coordinator.messages import read_beat
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import TimingConfig
from podlog.worker.phases import Phases

TIMING = TimingConfig()


class Clocked:
    """Two processes and their coordinator, on one clock that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.phases = [Phases(lambda: self.now) for _ in range(2)]
        self.members = Members(range(2), TIMING, 0.0)
        self.alarms: list[str] = []
        for process in range(2):
            self.members.joined(process, "host", 100 + process, 0.0)
            self.members.link(process, True, 0.0)

    def step(self, step: int, processes: tuple[int, ...] = (0, 1)) -> None:
        for process in processes:
            self.phases[process].stepped(step, self.now)

    def pass_time(self, seconds: float) -> None:
        """Heartbeats as they come, every 5 seconds; what time finds."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + TIMING.heartbeat_s, end)
            for process, phases in enumerate(self.phases):
                said = pb.Heartbeat()
                phases.fill(said, self.now)
                beat = read_beat(said)
                changes = self.members.heartbeat(process, beat, self.now)
                self.alarms += [c.reason for c in changes]
            self.alarms += [c.reason for c in self.members.tick(self.now)]


def trained() -> Clocked:
    """Ten steps of a second each."""
    job = Clocked()
    for phases in job.phases:
        phases.entered_mode("train", job.now)
    for step in range(1, 11):
        job.pass_time(1.0)
        job.step(step)
    assert job.alarms == []
    return job

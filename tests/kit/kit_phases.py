"""What a heartbeat would say of a training thread, with a clock that the test turns."""

import threading

from podlog.proto import podlog_pb2 as pb
from podlog.worker.phases import Phases


class At:
    """Phases with a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.phases = Phases(lambda: self.now)
        self.me = threading.get_ident()

    def step(self, step: int, after: float) -> None:
        self.now += after
        self.phases.stepped(step, self.now)

    def enter(self, mode: str, after: float = 0.0) -> None:
        self.now += after
        self.phases.entered_mode(mode, self.now)

    def leave(self, back: str, outside: bool, after: float = 0.0) -> None:
        self.now += after
        self.phases.left_mode(back, self.now, outside=outside)

    def compile(self, seconds: float) -> None:
        self.phases.compile_began(self.me, self.now)
        self.now += seconds
        self.phases.compile_ended(self.me, self.now)

    def beat(self, after: float = 0.0) -> pb.Heartbeat:
        self.now += after
        beat = pb.Heartbeat()
        self.phases.fill(beat, self.now)
        return beat

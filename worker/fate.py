"""What the link says and hears of stops, failures, clocks and stacks; see fate.proto."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..proto import podlog_pb2 as pb
from .clockoffset import ClockOffset
from .waits import Waits


class StopGate(Protocol):
    """The stop agreement's end of the link. Thread-safe; nothing here blocks."""

    def messages(self) -> Sequence[Mapping[str, Any]]:
        """What to say now, each as fields of `pb.WorkerMessage`; given out once a connection."""

    def receive(self, message: pb.StopProposal | pb.StopOutcome) -> None:
        """Takes what the coordinator says of a stop."""

    def reconnected(self) -> None:
        """A connection begins: what is not resolved is said again."""


class Fate:
    """What outlives a connection. Used by the link's thread.

    Args:
        gate: the stop agreement; None in tests of other things.
        on_sign: takes what is heard of other processes; must not block.
        stacks: the stacks of all threads.

    Attributes:
        clock: measured by all connections.
    """

    def __init__(
        self,
        gate: StopGate | None = None,
        on_sign: Callable[[pb.FirstSign], None] | None = None,
        stacks: Callable[[], pb.Stacks] | None = None,
    ) -> None:
        self.gate = gate
        self.on_sign = on_sign
        self.stacks = stacks
        self.clock = ClockOffset()


class FateTalk:
    """One connection's part of it.

    Args:
        fate: what outlives the connection.
        waits: where a failure of this process lies.
        say: sends one message, given as a field of `pb.WorkerMessage`.
    """

    def __init__(self, fate: Fate, waits: Waits, say: Callable[..., None]) -> None:
        self._fate = fate
        self._waits = waits
        self._say = say
        self._failed: pb.Failed | None = None

    def welcomed(self) -> None:
        """The coordinator listens: what it may not know is said again."""
        if self._fate.gate is not None:
            self._fate.gate.reconnected()

    def receive(self, message: pb.CoordinatorMessage, now: float) -> None:
        """Takes one message, if it is of ours."""
        fate = self._fate
        match message.WhichOneof("body"):
            case "heartbeat_reply":
                reply = message.heartbeat_reply
                fate.clock.replied(reply.sent, reply.received, reply.replied, now)
            case "stop_proposal" if fate.gate is not None:
                fate.gate.receive(message.stop_proposal)
            case "stop_outcome" if fate.gate is not None:
                fate.gate.receive(message.stop_outcome)
            case "first_sign" if fate.on_sign is not None:
                fate.on_sign(message.first_sign)
            case "stack_request" if fate.stacks is not None:
                self._say(stacks=fate.stacks())

    def turn(self) -> None:
        """Says what is due: a failure of this process first, once a connection."""
        failed = self._waits.failed
        if failed is not None and failed is not self._failed:
            self._failed = failed
            self._say(failed=failed)
            self._waits.failed_said(failed)
        if self._fate.gate is not None:
            for fields in self._fate.gate.messages():
                self._say(**fields)

    def stamp(self, heartbeat: pb.Heartbeat, now: float) -> None:
        """Fills the clocks in; the heartbeat is sent right away."""
        heartbeat.sent = time.time()
        heartbeat.offset_s, heartbeat.round_trip_s = self._fate.clock.at(heartbeat.sent, now)
        self._fate.clock.sent(heartbeat.sent, now)

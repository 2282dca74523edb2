"""The seam between a worker's link and a coordinator.

A connection is a `Session` one way and a `Receiver` the other way. Over the
network the worker's gRPC transport makes them; in one process the
coordinator's `Endpoint` does. Messages are the .proto's, unchanged.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from . import podlog_pb2 as pb

PROTOCOL = 1
"""The version of the wire that Hello names; a coordinator refuses another one."""


class Flow(NamedTuple):
    """How a connection's messages leave this process.

    Attributes:
        taken: frames that the network has taken.
        waiting: messages handed over and not wholly taken; 0 where nothing can wait.
        since: monotonic time since which something has been waiting without a
            pause; means nothing while nothing waits.
    """

    taken: int = 0
    waiting: int = 0
    since: float = 0.0


class Session(Protocol):
    """The sending half of one connection. Thread-safe."""

    def send(self, message: pb.WorkerMessage) -> None:
        """Hands the message over; never blocks, never raises.

        After the session has ended the message is dropped: the receiver's
        `ended` tells, and what was not acked is sent again on the next one.
        """

    def close(self) -> None:
        """Ends the connection after what was sent; safe twice."""

    @property
    def flow(self) -> Flow:
        """How what was sent moves; tells a slow network from a dead one."""


class Receiver(Protocol):
    """The receiving half; called by one thread at a time, in order."""

    def received(self, message: pb.CoordinatorMessage) -> None:
        """Takes one message; must not block long and must not raise."""

    def ended(self, error: Exception | None) -> None:
        """The connection is gone, called exactly once.

        Args:
            error: None if closed by us; `RefusedError` if for good; anything
                else is worth another try.
        """


Connector = Callable[[Receiver], Session]
"""Opens a connection; raises `UnavailableError` or `RefusedError`."""

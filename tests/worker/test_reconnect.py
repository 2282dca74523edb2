"""How often the link connects."""

import threading

from kit_worker import Worker

from podlog.proto import podlog_pb2 as pb
from podlog.proto.errors import UnavailableError
from podlog.proto.session import Flow, Receiver


def test_one_that_welcomes_and_hangs_up_is_not_stormed() -> None:
    """A record that a coordinator cannot take breaks each connection: ever longer pauses."""

    class Moody:
        flow = Flow()

        def __init__(self, receiver: Receiver) -> None:
            self._receiver = receiver
            self._over = False

        def send(self, message: pb.WorkerMessage) -> None:
            if message.HasField("hello"):
                self._receiver.received(pb.CoordinatorMessage(welcome=pb.Welcome()))
                self.close()

        def close(self) -> None:
            if not self._over:
                self._over = True
                self._receiver.ended(UnavailableError("not to be had"))

    made: list[Moody] = []

    def connect(receiver: Receiver) -> Moody:
        made.append(Moody(receiver))
        return made[-1]

    worker = Worker(connect)
    threading.Event().wait(4.0)
    worker.link.close(0.1)
    assert 3 <= len(made) <= 10

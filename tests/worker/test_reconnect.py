"""How often the link connects."""

import threading
import time
from collections.abc import Callable

from kit_until import until
from kit_worker import HELLO, Worker

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


def test_one_that_commits_and_ends_at_goodbye_is_not_looked_for_again() -> None:
    """The last ack and the end may come together; all is said, however the coordinator ends."""

    class Brisk:
        flow = Flow()

        def __init__(self, receiver: Receiver) -> None:
            self._receiver = receiver

        def send(self, message: pb.WorkerMessage) -> None:
            if message.HasField("hello"):
                self._receiver.received(pb.CoordinatorMessage(welcome=pb.Welcome()))
            elif message.HasField("goodbye"):
                ack = pb.Ack(incarnation=HELLO.incarnation, seq=message.goodbye.made)
                self._receiver.received(pb.CoordinatorMessage(ack=ack))
                self._receiver.ended(None)

        def close(self) -> None:
            """It has ended already."""

    made: list[Brisk] = []

    def connect(receiver: Receiver) -> Brisk:
        if made:
            raise UnavailableError("the coordinator has ended")
        made.append(Brisk(receiver))
        return made[-1]

    worker = Worker(connect)
    worker.log(3)
    began = time.monotonic()
    assert worker.link.close(10.0)
    assert time.monotonic() - began < 5.0


class Scripted:
    """A coordinator that does on each connection what `says` does."""

    flow = Flow()

    def __init__(
        self, says: Callable[["Scripted", pb.WorkerMessage], None], receiver: Receiver
    ) -> None:
        self.receiver = receiver
        self.bodies: list[str] = []
        self._says = says

    def send(self, message: pb.WorkerMessage) -> None:
        self.bodies.append(message.WhichOneof("body") or "")
        self._says(self, message)

    def close(self) -> None:
        """It ends as `says` wants."""

    def welcome(self) -> None:
        self.receiver.received(pb.CoordinatorMessage(welcome=pb.Welcome()))


def test_a_goodbye_that_was_undone_is_said_again() -> None:
    """The turn failed, who comes meanwhile is turned away, and then all is well."""

    def fails(here: Scripted, message: pb.WorkerMessage) -> None:
        if message.HasField("hello"):
            here.welcome()
        elif message.HasField("goodbye"):
            here.receiver.ended(UnavailableError("the coordinator could not go on"))

    def turns_away(here: Scripted, message: pb.WorkerMessage) -> None:
        here.receiver.ended(UnavailableError("the coordinator could not go on"))

    def takes(here: Scripted, message: pb.WorkerMessage) -> None:
        if message.HasField("hello"):
            here.welcome()
        elif message.HasField("goodbye"):
            here.receiver.ended(None)

    script = [fails, turns_away, turns_away, takes]
    made: list[Scripted] = []

    def connect(receiver: Receiver) -> Scripted:
        made.append(Scripted(script[min(len(made), 3)], receiver))
        return made[-1]

    worker = Worker(connect)
    until(lambda: worker.link.stats()["connected"])
    assert worker.link.close(10.0)
    assert len(made) == 4
    assert "goodbye" in made[3].bodies

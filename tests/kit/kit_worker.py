"""A worker without a Logger: what lies between its spool and a coordinator."""

from typing import Any

from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import body_draft
from podlog.proto.records import LogLine
from podlog.proto.session import Connector
from podlog.worker.handed import Handed
from podlog.worker.link import Link
from podlog.worker.spool import Spool

HELLO = pb.Hello(protocol=1, process=0, process_count=2, incarnation=77, host="h")


class Worker:
    """A spool, its handed-in steps and the link that sends them."""

    def __init__(self, connector: Connector, **options: Any) -> None:
        self.handed = Handed()
        self.spool = Spool(None, HELLO)
        heartbeat = options.pop("heartbeat", lambda: pb.Heartbeat(step=1))
        self.link = Link(connector, HELLO, self.spool, self.handed, heartbeat=heartbeat, **options)
        self.link.start()

    def log(self, count: int = 1) -> int:
        for _ in range(count):
            ticket = self.handed.ticket()
            seq = self.spool.append([body_draft(LogLine(20, "app", "text"), 1.0)])
            self.handed.done(ticket, seq=seq)
        self.link.wake()
        return seq

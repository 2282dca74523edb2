"""A launcher's call to a coordinator elsewhere: how its process ended, how the job stands."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.backoff import Backoff
from ..proto.channel import SERVICE, metadata, open_channel
from ..proto.contact import Contact
from ..proto.control import Ended, FirstSign, ProcessExit
from ..proto.ends import exit_message, read_first_sign
from ..proto.errors import ConfigError
from ..proto.rpc import grpc

_log = logging.getLogger(__name__)

AWAY_S = 30.0
"""A coordinator that cannot be reached for so long after the process's end is given up."""

UNTOLD_S = 1.0
"""For so long after its end a process may have said where the coordinator is."""

_METHOD = f"/{SERVICE}/Launch"
_LOOK_S = 0.2
_CLOSE_S = 10.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_PERMANENT = (
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
)
_KEEPALIVE = (("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 10_000))


class Attendance:
    """Attends one process of a job. `report`, `wait` and `close` from the owner's thread.

    Life: `start`, `report` once, `close` once, safe twice and without `start`. The
    thread ``podlog-attend`` calls the coordinator as soon as it is known, again
    whenever the call breaks, until it heard the verdict.

    Args:
        attend: whose launcher this is.
        contact: where the coordinator is; asked before each call, waits at most
            so many seconds.
        put: takes the first signs and the verdict, on that thread.
        expected: whether the coordinator will be known even if the process says nothing.

    Attributes:
        ended: the verdict, once it was heard; None if there was no run.
        settled: whether the job has settled, with or without one.
        known: whether it was ever said where the coordinator is.
        refused: why the coordinator does not take this launcher; "": it does.
    """

    def __init__(
        self,
        attend: pb.Attend,
        contact: Callable[[float], Contact | None],
        put: Callable[[FirstSign | Ended], None],
        *,
        expected: bool = False,
    ) -> None:
        self.ended: Ended | None = None
        self.settled = False
        self.known = False
        self.refused = ""
        self._attend = attend
        self._contact = contact
        self._put = put
        self._expected = expected
        self._report: pb.ExitReport | None = None
        self._out: queue.SimpleQueue[pb.LauncherMessage | None] | None = None
        self._call: Any = None
        self._reached = False
        self._since = time.monotonic()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="podlog-attend", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def report(self, exit_: ProcessExit) -> None:
        """The process has ended; said now and on each further call."""
        report = exit_message(exit_)
        with self._lock:
            self._report, self._since = report, time.monotonic()
            if self._out is not None:
                self._out.put(pb.LauncherMessage(exit=report))

    def wait(self, timeout: float) -> bool:
        """Waits at most `timeout` seconds for the verdict; True if none will come after that."""
        if self._over.wait(timeout):
            return True
        with self._lock:
            if self._report is None or self._reached:
                return False
            patience = AWAY_S if self.known or self._expected else UNTOLD_S
            return time.monotonic() - self._since > patience

    @property
    def reached(self) -> bool:
        """Whether a coordinator listens now, and will say the verdict."""
        with self._lock:
            return self._reached

    def close(self) -> None:
        """Ends the call and the thread."""
        self._over.set()
        with self._lock:
            if self._out is not None:
                self._out.put(None)
            if self._call is not None:
                self._call.cancel()
        if self._thread.ident is not None:
            self._thread.join(_CLOSE_S)

    # ------------------------------------------------------ the thread's own

    def _run(self) -> None:
        pauses = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while not self._over.is_set():
            contact = self._find()
            if contact is None:
                self._over.wait(_LOOK_S)
                continue
            self.known = True
            if self._attended(contact):
                pauses.reset()
            self._over.wait(pauses.next())

    def _find(self) -> Contact | None:
        try:
            return self._contact(_LOOK_S)
        except ConfigError as error:
            _log.debug("where the coordinator is: %s", error)
            return None

    def _attended(self, contact: Contact) -> bool:
        """One call, to its end; whether the coordinator took it."""
        reached = False
        with open_channel(contact, _KEEPALIVE) as channel:
            out: queue.SimpleQueue[pb.LauncherMessage | None] = queue.SimpleQueue()
            call = self._begin(channel, contact, out)
            try:
                call.initial_metadata()  # comes when the coordinator has taken Attend
                reached = call.is_active()
                with self._lock:
                    self._reached = reached
                for notice in call:
                    self._take(notice)
            except grpc.RpcError:
                self._broke(call, contact)
            finally:
                with self._lock:
                    self._out = self._call = None
                    if reached:
                        self._reached, self._since = False, time.monotonic()
                out.put(None)
        return reached

    def _begin(
        self,
        channel: grpc.Channel,
        contact: Contact,
        out: "queue.SimpleQueue[pb.LauncherMessage | None]",
    ) -> Any:
        """Starts a call that says whose launcher this is and, if it is known, how that ended."""
        method = channel.stream_stream(
            _METHOD,
            request_serializer=pb.LauncherMessage.SerializeToString,
            response_deserializer=pb.LauncherNotice.FromString,
        )
        with self._lock:
            out.put(pb.LauncherMessage(attend=self._attend))
            if self._report is not None:
                out.put(pb.LauncherMessage(exit=self._report))
            self._out = out
            call: Any = method(iter(out.get, None), metadata=metadata(contact))
            self._call = call
            if self._over.is_set():
                call.cancel()
        return call

    def _take(self, notice: pb.LauncherNotice) -> None:
        match notice.WhichOneof("body"):
            case "first_sign":
                self._put(read_first_sign(notice.first_sign))
            case "verdict":
                ended = Ended(notice.verdict.status, notice.verdict.root_cause)
                self.ended = ended if notice.verdict.final else None
                self.settled = True
                self._put(ended)
                self._over.set()

    def _broke(self, call: Any, contact: Contact) -> None:
        status, details = call.code(), call.details() or ""
        _log.debug("coordinator %s: %s: %s", contact.address, status, details)
        if status in _PERMANENT and not self._over.is_set():
            self.refused = details
            self._over.set()

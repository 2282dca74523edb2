"""A connection without a network: a worker in the coordinator's own process."""

import logging
import queue
import threading

from ..proto import podlog_pb2 as pb
from ..proto.session import Flow, Receiver
from .coordinator import Coordinator
from .streams import Stream

_log = logging.getLogger(__name__)


class LocalSession:
    """The worker's sending half and the coordinator's way back, in one. Thread-safe.

    What comes back is handed to the receiver by a thread of its own,
    ``podlog-session``, so that a slow receiver never holds the coordinator up.
    It ends after the receiver's `ended`.
    """

    def __init__(self, coordinator: Coordinator, receiver: Receiver):
        self._coordinator = coordinator
        self._receiver = receiver
        self._stream: Stream | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._inbox: queue.SimpleQueue[pb.CoordinatorMessage | _End] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._deliver, name="podlog-session", daemon=True)
        self._thread.start()

    def send(self, message: pb.WorkerMessage) -> None:
        """Hands the message over; the first must be Hello."""
        with self._lock:
            if self._closed:
                return
            if self._stream is not None:
                self._coordinator.receive(self._stream, message)
            else:
                self._stream = self._coordinator.connect(message.hello, _Back(self._inbox))

    def close(self) -> None:
        """Ends the connection after what was sent; safe twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._stream is None:
                self._inbox.put(_End(None))
            else:
                self._coordinator.half_closed(self._stream)

    @property
    def flow(self) -> Flow:
        """Nothing waits here: what is sent is with the coordinator at once."""
        return Flow()

    @property
    def alive(self) -> bool:
        """Whether the receiver may still be called."""
        return self._thread.is_alive()

    def join(self, timeout: float) -> None:
        """Waits until the receiver has heard the end."""
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _deliver(self) -> None:
        while True:
            item = self._inbox.get()
            try:
                if isinstance(item, _End):
                    self._receiver.ended(item.error)
                    return
                self._receiver.received(item)
            except Exception:
                _log.exception("a receiver raised; its connection goes on")
                if isinstance(item, _End):
                    return


class _Back:
    """The coordinator's half."""

    def __init__(self, inbox: "queue.SimpleQueue[pb.CoordinatorMessage | _End]"):
        self._inbox = inbox

    def send(self, message: pb.CoordinatorMessage) -> None:
        self._inbox.put(message)

    def end(self, error: Exception | None) -> None:
        self._inbox.put(_End(error))


class _End:
    """The last item of an inbox."""

    def __init__(self, error: Exception | None):
        self.error = error

"""A coordinator process to be attacked, and the good worker that it serves."""

import contextlib
import itertools
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cloudpickle
import grpc
import psutil
from kit_coordinator import spawn
from kit_peers import Voice, job

from podlog.cluster import credentials
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import SecurityConfig
from podlog.proto.contact import Contact
from podlog.proto.control import AllEnded, Ended, Notice, Ready, dump, load
from podlog.proto.session import Session
from podlog.worker.transport import grpc_connector

PROCESSES = 8
_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", -1),
    ("grpc.ssl_target_name_override", "podlog"),
]
_CONFIG = '{"timing": {"row_timeout_s": 1.0, "lost_after_s": 3600}}'


class Target:
    """A coordinator in a process of its own, and the good worker that opened its run."""

    def __init__(self, folder: Path) -> None:
        secret = credentials.make(SecurityConfig())
        self.folder = folder / "run"
        self.setup = job(PROCESSES, cert=secret.cert, key=secret.key)
        self._errors = (folder / "stderr").open("wb")
        self.process = spawn(self._errors)
        self.tell(self.setup)
        ready = load(self._line())
        assert isinstance(ready, Ready)
        self.address = ("127.0.0.1", ready.port)
        self.good = Voice(0, PROCESSES).connect(self.connector())
        tool = pb.ToolSpec(
            name="files", builtin=True, pickled=cloudpickle.dumps(FileLoggerConfig())
        )
        self.good.open(log_path=str(self.folder), config_json=_CONFIG, tools=[tool])
        for step in range(100):
            self.good.log(step, {"loss": float(step)})
        self.good.acked()
        self.most = 0
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._sample, name="sample-rss")
        self._watch.start()

    def tell(self, notice: Notice) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(dump(notice))
        self.process.stdin.flush()

    def connector(self) -> Callable[..., Session]:
        setup = self.setup
        contact = Contact(
            "{}:{}".format(*self.address), setup.token, setup.cert, setup.job_id, setup.started
        )
        return grpc_connector(lambda: contact)

    def channel(self, cert: bytes | None = None) -> grpc.Channel:
        trusted = grpc.ssl_channel_credentials(self.setup.cert if cert is None else cert)
        return grpc.secure_channel("{}:{}".format(*self.address), trusted, options=_OPTIONS)

    def quiet(self) -> None:
        """Waits until the journal holds all rows and has not changed for half a second."""
        deadline = time.monotonic() + 20
        while not any("VALUES(100,1,'train'" in line for line in self.dump()):
            assert time.monotonic() < deadline, "the rows do not close"
            threading.Event().wait(0.2)
        last = self.stored()
        while True:
            threading.Event().wait(0.5)
            before, last = last, self.stored()
            if before == last:
                return
            assert time.monotonic() < deadline, "the journal goes on changing"

    def stored(self) -> list[bytes]:
        """The bytes of the journal."""
        return [(self.folder / f"journal.sqlite{end}").read_bytes() for end in ("", "-wal")]

    def dump(self) -> list[str]:
        """What the journal holds, as SQL."""
        with contextlib.closing(sqlite3.connect(self.folder / "journal.sqlite")) as journal:
            return list(journal.iterdump())

    def rows(self, mode: str) -> list[tuple[object, ...]]:
        """The rows of a mode, byte by byte."""
        with contextlib.closing(sqlite3.connect(self.folder / "journal.sqlite")) as journal:
            found = journal.execute(
                "SELECT step, n, revision, data FROM rows WHERE mode = ?", (mode,)
            )
            return list(found)

    @property
    def log(self) -> str:
        return (self.folder / "coordinator.log").read_text(errors="replace")

    def rss(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def settle(self) -> Ended:
        """Ends the job and returns the coordinator's last word."""
        self.tell(AllEnded())
        while not isinstance(notice := load(self._line()), Ended):
            pass
        assert self.process.wait(20) == 0
        return notice

    def close(self) -> None:
        self._stop.set()
        self._watch.join()
        self.good.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.stdout.close()
        self._errors.close()

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def _sample(self) -> None:
        with contextlib.suppress(psutil.Error):
            while not self._stop.wait(0.02):
                self.most = max(self.most, self.rss())


class Pulse:
    """The good worker's heartbeats during an attack, and how long each answer took."""

    def __init__(self, good: Voice) -> None:
        self.took: list[float] = []
        self._good = good
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="good-worker")

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        for number in itertools.count(1):
            begun = time.monotonic()
            self._good.send(heartbeat=pb.Heartbeat(sent=float(number)))
            self._good.ear.wait("heartbeat_reply", lambda r, n=number: r.sent == n, 20)
            self._good.ear.messages.clear()
            self.took.append(time.monotonic() - begun)
            if self._stop.wait(0.05):
                return

"""A coordinator in a process of its own that can be killed and started again on its run."""

import contextlib
import dataclasses
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from kit_peers import Ear, Voice, job

from podlog.coordinator.journal import Journal
from podlog.proto.contact import Contact
from podlog.proto.control import AllEnded, Ended, Notice, Opened, Ready, Setup, dump, load
from podlog.proto.rows import EventItem
from podlog.proto.session import Session
from podlog.worker.transport import grpc_connector


def spawn(errors: IO[bytes]) -> "subprocess.Popen[bytes]":
    """A coordinator's own process, which has not been told its `Setup` yet."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "podlog.coordinator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    )


class Lone:
    """Coordinators one after another on one folder, and what they told their parent.

    Attributes:
        notices: of the one that runs now.
    """

    def __init__(self, folder: Path, processes: int, **more: Any) -> None:
        self.folder = folder / "run"
        self.setup: Setup = job(processes, **more)
        self.notices: list[Notice] = []
        self._changed = threading.Condition()
        self._errors = (folder / "coordinator.err").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts one, on the run that the one before it had open."""
        self.notices = []
        self._process = spawn(self._errors)
        self.tell(self.setup)
        self._reader = threading.Thread(target=self._read, name="lone", daemon=True)
        self._reader.start()
        self.port = self.heard(Ready).port

    def kill(self) -> None:
        """Ends it by SIGKILL and waits until it is gone."""
        opened = [n for n in self.notices if isinstance(n, Opened)]
        if opened:
            self.setup = dataclasses.replace(self.setup, open=opened[0].open)
        assert self._process is not None
        self._process.kill()
        self._reap()

    def tell(self, notice: Notice) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(dump(notice))
        self._process.stdin.flush()

    def heard(self, kind: type[Any], timeout: float = 30) -> Any:
        """The first notice of a kind."""

        def found() -> Any:
            return next((n for n in self.notices if isinstance(n, kind)), None)

        with self._changed:
            assert self._changed.wait_for(found, timeout), f"no {kind.__name__}: {self.notices}"
            return found()

    def settle(self, signal: int | None = None) -> Ended:
        """Says that all have ended; returns the last word."""
        self.tell(AllEnded(signal))
        ended: Ended = self.heard(Ended)
        return ended

    def connector(self) -> Callable[[Ear], Session]:
        setup = self.setup
        contact = Contact(
            f"127.0.0.1:{self.port}", setup.token, setup.cert, setup.job_id, setup.started
        )
        return grpc_connector(lambda: contact)

    def voices(self) -> list[Voice]:
        count = self.setup.process_count
        return [Voice(i, count).connect(self.connector()) for i in range(count)]

    def open(self, voice: Voice, **timing: float) -> None:
        """Process 0 opens the run."""
        values: Mapping[str, Any] = {"timing": {"lost_after_s": 20.0} | timing}
        voice.open(log_path=str(self.folder), config_json=json.dumps(values))

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._reap()
        self._errors.close()

    def _reap(self) -> None:
        process = self._process
        if process is None:
            return
        process.wait(10)
        self._reader.join(10)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.notices.append(load(line))
                self._changed.notify_all()


def events(folder: Path, *names: str) -> list[EventItem]:
    """The events of a run by these names, in order; of a live one, too."""
    journal = Journal(folder / "journal.sqlite", read_only=True)
    try:
        items = journal.rows_after(0, 100_000)
    finally:
        journal.close()
    found = [item for item in items if isinstance(item, EventItem)]
    return [item for item in found if not names or item.event.name in names]


def wait_events(folder: Path, name: str, count: int = 1, timeout: float = 15) -> list[EventItem]:
    """Waits until a run has so many events by a name."""
    deadline = time.monotonic() + timeout
    while len(found := events(folder, name)) < count:
        assert time.monotonic() < deadline, [e.event for e in events(folder)]
        threading.Event().wait(0.03)
    return found


def last_line(folder: Path) -> str:
    """The last line of ``output.log``, without its time."""
    text = (folder / "output.log").read_text()
    return text.splitlines()[-1].partition("] ")[2]

"""Jobs of four that end in one of the ways of `whole/scripts/fates.py`, and what they leave."""

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podlog.coordinator.reading import reading
from podlog.proto.records import Verdict
from podlog.proto.rows import EventItem

SCRIPT = Path(__file__).parent.parent / "whole" / "scripts" / "fates.py"


@dataclasses.dataclass(frozen=True)
class Fate:
    """One of these jobs."""

    job: Any
    folder: Path

    def pid(self, process: int, timeout: float = 60.0) -> int:
        """The pid of a process that has come twenty steps far."""
        path = self.folder / f"pid-{process}"
        until(lambda: path.exists() and path.read_text() != "", timeout, self.job)
        return int(path.read_text())

    def signal_all(self, number: int) -> None:
        """Sends a signal to each of the four, not to their launcher."""
        for pid in [self.pid(process) for process in range(4)]:
            os.kill(pid, number)

    def go(self) -> None:
        """Ends loops that nothing else ends."""
        (self.folder / "go").touch()

    @property
    def read(self) -> dict[int, tuple[Any, int]]:
        """The verdict that each process read, and the step at which it left its loop."""
        found = {}
        for path in sorted(self.folder.glob("verdict-*.json")):
            said = json.loads(path.read_text())
            found[int(path.stem.split("-")[1])] = (said["verdict"], said["step"])
        return found

    @property
    def told(self) -> list[str]:
        """What the job's own tool was told at the end."""
        path = self.folder / "told"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def verdict(self) -> Verdict:
        """The journal's."""
        with reading(self.job.run) as opened:
            found = opened.journal.verdict()
        assert found is not None
        return found

    def items(self, name: str) -> list[EventItem]:
        """The journal's events of that name, in order."""
        with reading(self.job.run) as opened:
            return [
                item
                for item in opened.journal.rows_after(0, 1_000_000)
                if isinstance(item, EventItem) and item.event.name == name
            ]

    def events(self, name: str) -> list[tuple[int, str]]:
        """Process and text of the journal's events of that name, in order."""
        return [(item.process, item.event.text) for item in self.items(name)]

    @property
    def log(self) -> list[str]:
        """The lines of ``output.log``."""
        return (self.job.run / "output.log").read_text().splitlines()

    def check(self, status: str, cause: str, exit_status: int) -> Verdict:
        """The end is the same wherever it can be read."""
        got = self.job.wait(90)
        verdict = self.verdict
        shown = f"{verdict}\n{self.job.output}"
        assert (verdict.status, verdict.final) == (status, True), shown
        assert cause in verdict.root_cause, shown
        assert got == exit_status, shown
        line = f"verdict: {status}" + (f": {verdict.root_cause}" if verdict.root_cause else "")
        assert line in self.log[-1], self.log[-5:]
        assert f"podlog: {status}" in self.job.output.splitlines()[-1], self.job.output
        for process, (said, _) in self.read.items():
            assert said == [status, True, verdict.root_cause], (process, said, verdict)
        return verdict


def until(true: Callable[[], bool], timeout: float, job: Any) -> None:
    """Fails the test with the job's output unless that comes true in time."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not come:\n{job.output}")
        threading.Event().wait(0.05)

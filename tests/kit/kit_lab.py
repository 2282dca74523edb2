"""A job over a network that tests make bad: its coordinator and its workers.

They take their steps in turns, some at a time, and each with and without its
network in turns, so that step times can be compared on a machine that does other
things too.
"""

import collections
import dataclasses
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from podlog.cluster import jobs
from podlog.proto.config import SecurityConfig
from podlog.proto.control import Ready, dump, load

_SCRIPT = Path(__file__).with_name("kit_steps.py")
_TURN = 10
_PATIENCE_S = 40.0

Event = tuple[float, Callable[[], object]]
"""Seconds from the start, and what happens then."""


@dataclasses.dataclass
class Walker:
    """One worker process.

    Attributes:
        ratios: of each block of steps, the median step time over that of one
            without network right before or after it.
    """

    process: "subprocess.Popen[str]"
    ratios: list[float] = dataclasses.field(default_factory=list)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        assert answer, f"worker {self.process.pid} has ended: {self.process.wait(10)}"
        return json.loads(answer)

    def ask(self, line: str) -> Any:
        self.tell(line)
        return self.hear()

    def steps(self, first: int, count: int) -> None:
        answer = self.ask(f"steps {first} {count}")
        with_network, alone = (statistics.median(answer[k]) for k in ("times", "alone"))
        self.ratios.append(with_network / alone)


class Lab:
    """Start it, add workers, `walk`, `finish`; `close` in any case.

    Args:
        folder: the run lies in ``folder/run``.
        processes: how many the job has.
        bind: where the coordinator listens.
        on: what to put before the coordinator's command.
        timing: of the run.
    """

    def __init__(
        self,
        folder: Path,
        processes: int,
        *,
        bind: str = "127.0.0.1",
        on: Sequence[str] = (),
        **timing: float,
    ) -> None:
        self.run = folder / "run"
        self.walkers: list[Walker] = []
        self.step = 0
        self._folder = folder
        self._processes = processes
        self._timing = timing
        self._setup = jobs.new_job(SecurityConfig(), processes, bind=bind)
        self._coordinator = self._start_coordinator(list(on))
        self.port = self._ready(20)

    def _start_coordinator(self, on: list[str]) -> "subprocess.Popen[bytes]":
        with (self._folder / "up").open("wb") as up, (self._folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*on, sys.executable, "-m", "podlog.coordinator"],
                stdin=subprocess.PIPE,
                stdout=up,
                stderr=log,
            )
        assert process.stdin is not None
        process.stdin.write(dump(self._setup))
        process.stdin.flush()
        return process

    def _ready(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while b"\n" not in (lines := (self._folder / "up").read_bytes()):
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            threading.Event().wait(0.05)
        ready = load(lines.splitlines()[0])
        assert isinstance(ready, Ready), ready
        return ready.port

    def worker(self, address: str, on: Sequence[str] = (), payload: int = 10) -> None:
        """Adds the next process of the job, which finds its coordinator at `address`."""
        index = len(self.walkers)
        own = self._folder / f"worker{index}"
        own.mkdir()
        with (own / "err").open("wb") as err:
            child = subprocess.Popen(
                [*on, sys.executable, str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
                env={
                    **os.environ,
                    "OMP_NUM_THREADS": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                    "PODLOG_TOKEN": self._setup.token,
                    "PODLOG_CERT": self._setup.cert.decode(),
                },
            )
        self.walkers.append(Walker(child))
        said = {"process": index, "processes": self._processes, "address": address}
        said |= {"payload": payload, "log_path": str(self.run), "own": str(own)}
        self.walkers[-1].tell(json.dumps(said | {"timing": self._timing}))

    def walk(
        self,
        seconds: float,
        events: Sequence[Event] = (),
        until: Callable[[], object] = lambda: True,
    ) -> None:
        """Has all take steps in turns while `events` happen, at least until something is so."""
        if self.step == 0:
            assert [w.hear() for w in self.walkers] == ["ready"] * len(self.walkers)
        happening = threading.Thread(target=_happen, args=(events,), name="events")
        happening.start()
        start = time.monotonic()
        while (now := time.monotonic() - start) < seconds or happening.is_alive() or not until():
            assert now < seconds + _PATIENCE_S, f"did not come; slowdown {self.slowdown()}"
            for walker in random.sample(self.walkers, len(self.walkers)):
                walker.steps(self.step, _TURN)
            self.step += _TURN
        happening.join()

    def wait(self, ready: Callable[[list[dict[str, Any]]], bool], timeout: float) -> None:
        """Waits until the workers' stats are as told."""
        deadline = time.monotonic() + timeout
        while not ready(stats := [w.ask("stats") for w in self.walkers]):
            assert time.monotonic() < deadline, stats
            threading.Event().wait(0.1)

    def finish(self, timeout: float = 60) -> None:
        """Ends all; fails unless the verdict is final and the coordinator settles."""
        for walker in self.walkers:
            walker.tell("finish")
        ends = [walker.hear() for walker in self.walkers]
        assert all(end["final"] for end in ends), ends
        for walker in self.walkers:
            assert walker.process.wait(20) == 0
        assert self._coordinator.wait(timeout) == 0

    def check(self) -> None:
        """Each record is there once: rows of all processes, lines in each process's order."""
        everyone = list(range(self._processes))
        rows = self.run / "file_logs" / "metrics_train.jsonl"
        seen = [json.loads(line) for line in rows.read_text().splitlines()]
        found = {row["log_step"]: (row["a"], row["_podlog"]["processes"]) for row in seen}
        shift = sum(everyone) / len(everyone)
        assert found == {step: (step + shift, everyone) for step in range(self.step)}
        assert len(seen) == self.step

        lines: dict[int, list[int]] = collections.defaultdict(list)
        text = (self.run / "output.log").read_text()
        for process, step in re.findall(r"process (\d+) step (\d+) x", text):
            lines[int(process)].append(int(step))
        for process in everyone:
            assert lines[process] == list(range(self.step)), f"lines of process {process}"

    def slowdown(self) -> list[float]:
        """Each worker's median step time over the one without network."""
        return [statistics.median(walker.ratios) for walker in self.walkers]

    def steady(self) -> bool:
        """Whether steps take as long as without network, to a tenth; other load evens out."""
        return max(self.slowdown()) <= 1.1

    def close(self) -> None:
        """Ends what still runs."""
        processes = [self._coordinator, *(w.process for w in self.walkers)]
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except BrokenPipeError:
                        continue


def _happen(events: Sequence[Event]) -> None:
    start = time.monotonic()
    for due, event in sorted(events, key=lambda event: event[0]):
        threading.Event().wait(max(0.0, start + due - time.monotonic()))
        event()

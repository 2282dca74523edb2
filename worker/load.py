"""``python -m podlog.worker.load``: one process of a synthetic load, without jax.

What a training does to the pipeline, at a steady rate: step records that all
processes share, host records that each has alone, log lines, an epoch now and
then. Each record can be told from every other one, and a witness takes down what
was spooled, so that afterwards all can be counted (`podlog chaos` does).
"""

import argparse
import dataclasses
import logging
import math
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..cluster.pod import Place
from ..cluster.witness import Life, Witness
from ..proto.config import LoggerConfig
from ..proto.errors import PodlogError
from ..proto.records import Draft, Kind, State
from . import drafts
from .ending import Ending
from .gate import Gate
from .pipeline import Pipeline
from .runconfig import settled
from .states import value_states
from .values import Sum

_shown = logging.getLogger("load")

TURN_S = 0.02
EPOCH_STEPS = 200
"""Steps of an epoch."""

LINE_STEPS = 20
"""A log line each so many steps."""

FLUSH_S = 30.0
"""How long a spool may take; a disk that stalls longer is an error of this machine."""


@dataclasses.dataclass(frozen=True)
class Load:
    """What one process does.

    Attributes:
        process, processes: its place.
        witness: its witness's file.
        job: which life of the job this is, from 1.
        start: the job's first step.
        began: wall clock at which the job made it; steps follow the clock.
        rate: steps a second.
        steps: it ends behind that one; 0: at SIGTERM.
        config: the Logger's.
    """

    process: int
    processes: int
    witness: Path
    job: int
    start: int
    began: float
    rate: float
    steps: int
    config: LoggerConfig


class Loader:
    """Makes the records of one process. Used by one thread.

    Args:
        load: what to do.
        pipeline: where they go.
        witness: told after each spool write.
    """

    def __init__(self, load: Load, pipeline: Pipeline, witness: Witness) -> None:
        self._load = load
        self._pipeline = pipeline
        self._witness = witness
        mine = [life for life in witness.before if life.job == load.job]
        first = max((life.step + 1 for life in mine), default=load.start)
        self._life = Life(pipeline.hello.incarnation, load.job, first, first - 1)
        self._number = len(witness.before) + 1
        witness.write(self._life)

    def run(self, stop: threading.Event) -> None:
        """Makes records at the asked rate until it is over."""
        load = self._load
        while not stop.is_set():
            due = load.start + math.floor((time.time() - load.began) * load.rate)
            due = min(due, load.steps) if load.steps else due
            # A process that came back catches up, but not in one turn.
            for step in range(self._life.step + 1, min(due, self._life.step + 50) + 1):
                self._step(step)
            self._spooled()
            if load.steps and self._life.step >= load.steps:
                return
            stop.wait(TURN_S)

    def end(self, timeout: float) -> bool:
        """Says that this process is done; whether everything was delivered."""
        self._pipeline.finalize(Ending("success"), timeout)
        delivered = self._pipeline.close(timeout, Ending("success"))
        self._witness.write(dataclasses.replace(self._life, ended=int(delivered)))
        return delivered

    def _step(self, step: int) -> None:
        life = self._life
        me = f"p{self._load.process}"
        self._put(Kind.STEP, "train", step, {"processes": Sum(1), "loss": 1.0 / (1 + step)})
        serial, lines, epochs = life.serial + 1, life.lines, life.epochs
        mine = {f"{me}_life": self._number, f"{me}_serial": serial}
        self._put(Kind.HOST, "train", step, mine)
        if step % LINE_STEPS == 0:
            lines += 1
            _shown.warning("load %s life %d line %d", me, self._number, lines)
        if step % EPOCH_STEPS == 0:
            epochs += 1
            self._put(Kind.EPOCH, "val", step, {"processes": Sum(1)})
            self._pipeline.handed.leave("val", step)
        self._life = dataclasses.replace(life, step=step, serial=serial, lines=lines, epochs=epochs)

    def _put(self, kind: Kind, mode: str, step: int, metrics: Mapping[str, object]) -> None:
        states, problems = value_states(metrics, {})
        assert not problems, problems
        draft = _draft(kind, mode, step, states)
        self._pipeline.progress.step = step
        self._pipeline.handed.step(mode, kind, step)
        self._pipeline.spooler.put(self._pipeline.handed.ticket(), [draft])

    def _spooled(self) -> None:
        """What was put lies in the spool by now, or this process must not say so."""
        seq = self._pipeline.spooler.flush(FLUSH_S)
        if seq is None:
            raise PodlogError(f"the spool took longer than {FLUSH_S:.0f} s")
        self._life = dataclasses.replace(self._life, seq=seq)
        self._witness.write(self._life)


def _draft(kind: Kind, mode: str, step: int, states: list[State]) -> Draft:
    return drafts.build(kind, mode, step, 0, step // EPOCH_STEPS, time.time(), states)


def run(load: Load, timeout: float = 30.0) -> bool:
    """Runs a load to its end; whether everything was delivered.

    Raises:
        PodlogError: no way to a coordinator is known, or the spool fails.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    place = Place(load.process, load.processes, socket.gethostname())
    pipeline = Pipeline(
        load.config,
        place,
        ordinal=0,
        coordinator_address=None,
        postprocess=None,
        gate=Gate(load.config, load.processes),
    )
    try:
        with Witness(load.witness) as witness:
            loader = Loader(load, pipeline, witness)
            loader.run(stop)
            return loader.end(timeout)
    finally:
        pipeline.close(1.0, Ending("failure"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status is 0 if everything was delivered."""
    parser = argparse.ArgumentParser(prog="podlog.worker.load", description=__doc__)
    parser.add_argument("--process", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--witness", type=Path, required=True)
    parser.add_argument("--job", type=int, default=1, help="which life of the job, from 1")
    parser.add_argument("--start", type=int, default=1, help="the job's first step")
    parser.add_argument("--began", type=float, default=time.time(), help="when that was")
    parser.add_argument("--rate", type=float, default=50.0, help="steps a second")
    parser.add_argument("--steps", type=int, default=0, help="end behind that step; 0: at SIGTERM")
    parser.add_argument("--config", type=Path, help="file with a pickled LoggerConfig")
    asked = vars(parser.parse_args(arguments))
    path = asked["config"]
    config = LoggerConfig() if path is None else pickle.loads(path.read_bytes())
    try:
        return 0 if run(Load(**(asked | {"config": settled(config)}))) else 1
    except PodlogError as error:
        sys.stderr.write(f"podlog: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())

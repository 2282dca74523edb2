"""A worker that takes steps when it is told to: run by `kit_lab`, one process each.

Lines on stdin, answers of one JSON line on stdout: first what the worker is,
then ``steps FIRST COUNT``, ``stats`` and ``finish``. Each block of steps is
done twice, with the job's Logger and with one that is not connected, so that
step times can be compared.
"""

import json
import logging
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import DeliveryConfig, LoggerConfig, TimingConfig
from podlog.proto.records import LogLine
from podlog.worker import Logger


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    said = json.loads(sys.stdin.readline())
    process, payload = said["process"], said["payload"]
    folder = Path(said["own"])
    logger = _logger(said, Path(said["log_path"]), folder / "spool", said["address"])
    alone = _logger(said, folder / "alone", folder / "spool-alone", _NOWHERE)
    answers.write('"ready"\n')
    for line in sys.stdin:
        match line.split():
            case ["steps", first, count]:
                steps = range(int(first), int(first) + int(count))
                answer: Any = {}
                for name in random.sample(["times", "alone"], 2):
                    which = logger if name == "times" else alone
                    answer[name] = [_step(which, process, step, payload) for step in steps]
            case ["stats"]:
                answer = logger.stats()
            case ["finish"]:
                verdict = logger.finalize("success")
                logger.close()
                answer = {"final": verdict.final, "stats": logger.stats()}
                answers.write(json.dumps(answer, default=str) + "\n")
                os._exit(0)  # the Logger that is not connected would wait for its coordinator
            case other:
                raise ValueError(f"told to {other}")
        answers.write(json.dumps(answer, default=str) + "\n")


def _logger(said: dict[str, Any], log_path: Path, spool: Path, address: str) -> Logger:
    return Logger(
        LoggerConfig(
            log_path=log_path,
            log_tools=[FileLoggerConfig()],
            delivery=DeliveryConfig(spool_dir=spool),
            timing=TimingConfig(**said["timing"]),
        ),
        process_index=said["process"],
        process_count=said["processes"],
        coordinator_address=address,
    )


_NOWHERE = "127.0.0.1:9"
_work = np.random.default_rng(0).normal(size=(160, 160))


def _step(logger: Logger, process: int, step: int, payload: int) -> float:
    """Seconds that one step took."""
    start = time.perf_counter()
    for _ in range(10):
        _work @ _work
    logger.log_host_metrics({"a": float(step + process)}, step, mode="train")
    text = f"process {process} step {step} {'x' * payload}"
    logger._pipeline.tell(LogLine(logging.INFO, "app", text), step=step)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

"""A coordinator with tools in its process, killed again and again within bursts of rows.

The two workers are simulated beside it: their records are a pure function of
their numbers, and each life begins behind what was acknowledged.
"""

import math
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from kit_peers import Voice, job

from podlog.coordinator import start
from podlog.coordinator.tools import FileLoggerConfig, TensorBoardLoggerConfig
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.records import LogLine

RECORDS = 1500
SLOW = 97
"""Process 1 stops for a while at each step that this divides: its records come late then."""


def log(voice: Voice, number: int) -> None:
    """Sends the record of this number."""
    process = voice.hello.process
    if number % 7 == 0:
        voice.body(LogLine(20, "app", f"line {number} of {process}", "h"))
        return
    metrics: dict[str, Any] = {"a": float(number) if number % 10 else math.nan, "p": process}
    if number > RECORDS // 2:
        metrics[f"new{number // 200}"] = number
    voice.log(number, metrics, mode="val" if number % 5 == 0 else "train")


def life(folder: Path, began: int) -> None:
    """One coordinator from its start to its end, if it gets there; tells `began` when it runs."""
    timing = TimingConfig(row_timeout_s=0.1, tools_timeout_s=30.0)
    tools = [FileLoggerConfig(), TensorBoardLoggerConfig()]
    config = LoggerConfig(log_path=folder, run_id="run", timing=timing)
    endpoint = start(config, setup=job(2), listen=True, in_process_tools=tools)
    voices = [Voice(process, 2).connect(endpoint.connect) for process in range(2)]
    for voice in voices:
        voice.seq = voice.ear.all("welcome")[0].ack
    os.write(began, b"!")
    while any(voice.seq < RECORDS for voice in voices):
        for voice in voices:
            for _ in range(min(20, RECORDS - voice.seq)):
                if voice.hello.process and (voice.seq + 1) % SLOW == 0:
                    time.sleep(0.15)
                log(voice, voice.seq + 1)
        voices[0].acked(timeout=20)
    for voice in voices:
        voice.finalize()
    for voice in voices:
        voice.verdict(20)
        voice.goodbye()
    assert endpoint.wait_settled(30)
    endpoint.close(30)


def main(folder: Path, seed: int, kills: int) -> int:
    """Kills that many lives, then lets one end; prints how many were killed."""
    rng, killed = random.Random(seed), 0
    while True:
        came, began = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                life(folder, began)
            except BaseException as error:
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
                os._exit(1)
            os._exit(0)
        os.close(began)
        os.read(came, 1)
        os.close(came)
        if killed < kills:
            time.sleep(rng.expovariate(1 / 0.15))
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSIGNALED(status):
            print(killed)
            return status
        killed += 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

"""Gates, and what is found for them."""

from typing import Any

from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.records import Kind
from podlog.worker.gate import Gate
from podlog.worker.guard import Finding
from podlog.worker.recorder import Found


def gate_of(processes: int = 2, timeout_s: float = 30.0, **policies: Any) -> Gate:
    timing = TimingConfig(stop_timeout_s=timeout_s)
    return Gate(LoggerConfig(timing=timing, **policies), processes)


def found(*, nan: bool = True, everywhere: bool, kind: Kind = Kind.STEP, ticket: int = 1) -> Found:
    return Found(kind, "train", 3, (Finding("loss", nan, everywhere),), ticket)

"""Case 60: on an object store an append rewrites the object, so bytes grow with the square of rows.

Here a storage where every write takes 200 ms and the whole object is sent when its file is
closed or synced: `FileLogger` and `TensorBoardLogger` write a batch at a time and keep their files
open, so that what is sent grows as the rows do, and no call of a step waits.
"""

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from podlog.coordinator.tools import (
    FileLoggerConfig,
    TensorBoardLoggerConfig,
    appendfile,
    linefile,
)
from podlog.worker import Logger, LoggerConfig

pytestmark = pytest.mark.alone

LATENCY_S = 0.2


class Storage:
    """Stands for the module `os` where files are written.

    Attributes:
        writes: how often something was written.
        sent: bytes of all objects that were sent, each as a whole.
    """

    def __init__(self) -> None:
        self.writes = self.sent = 0
        self._dirty: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, fd: int, data: Any) -> int:
        threading.Event().wait(LATENCY_S)
        self.writes += 1
        self._dirty.add(fd)
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        threading.Event().wait(LATENCY_S)
        self.writes += 1
        self.sent += os.fstat(fd).st_size

    def close(self, fd: int) -> None:
        if fd in self._dirty:
            self._dirty.discard(fd)
            self.fsync(fd)
        os.close(fd)


def log(folder: Path, rows: int, baseline: Path) -> tuple[list[float], list[float]]:
    """Logs rows to the storage and, in turn, without tools; seconds of the calls of each."""
    tools = [FileLoggerConfig(), TensorBoardLoggerConfig()]
    with (
        Logger(LoggerConfig(log_path=folder, log_tools=tools)) as logger,
        Logger(LoggerConfig(log_path=baseline)) as none,
    ):
        taken: tuple[list[float], list[float]] = ([], [])
        for step in range(rows):
            values = {"loss": step / 3, "acc": 0.5} | ({"late": 1.0} if step > rows // 2 else {})
            for each, times in zip((logger, none), taken, strict=True):
                began = time.perf_counter()
                each.log_host_metrics(values, step, mode="train")
                times.append(time.perf_counter() - began)
            threading.Event().wait(0.002)
        assert logger.finalize().final
    return taken


@pytest.mark.timeout(150)
def test_what_is_sent_grows_as_the_rows_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is sent about once, whether rows are few or many; a write holds a batch."""
    for rows in (300, 1200):
        storage = Storage()
        monkeypatch.setattr(appendfile, "os", storage)
        monkeypatch.setattr(linefile, "os", storage)
        folder = tmp_path / f"run{rows}"
        taken = log(folder, rows, tmp_path / f"none{rows}")
        monkeypatch.undo()
        files = [*folder.glob("file_logs/*"), *folder.glob("tensorboard/*")]
        size = sum(file.stat().st_size for file in files)
        assert (folder / "file_logs" / "metrics_train.csv").read_text().count("\n") == rows + 1
        assert storage.sent < 1.5 * size, (rows, storage.sent, size)
        assert storage.writes < rows / 5
        p99 = [sorted(times)[rows * 99 // 100] for times in taken]
        assert p99[0] < max(0.002, 2 * p99[1]), p99

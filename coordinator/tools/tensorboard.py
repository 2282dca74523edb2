"""`TensorBoardLogger`: one event a row in one event file of the run."""

import dataclasses
import json
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from ...proto.config import LoggerConfig, LoggerToolsConfig
from ...proto.configdict import jsonable
from ...proto.records import Kind
from ...proto.rows import Row
from ...proto.tool import LoggerTool
from .appendfile import AppendFile
from .eventfile import event_record, whole_records
from .paths import check_log_path, set_aside, tool_folder


@dataclasses.dataclass(kw_only=True)
class TensorBoardLoggerConfig(LoggerToolsConfig):
    """Settings of a `TensorBoardLogger`.

    Attributes:
        tb_flush_secs: taken for configs written elsewhere; rows are in the
            file as soon as they are logged.
        tb_max_queue: likewise.
        tb_new_style: write scalars as tensors, as TensorFlow 2 does.
        log_dir: folder below the run's ``log_path``.
    """

    tb_flush_secs: int = 120
    tb_max_queue: int = 10
    tb_new_style: bool = False
    log_dir: str = "tensorboard"

    def create(self, logger: Any) -> "TensorBoardLogger":
        """Makes the tool; `logger` gives the ``log_path`` and the ``run_id``."""
        folder = tool_folder("TensorBoardLogger", logger, self.log_dir)
        return TensorBoardLogger(self, folder, logger.run_id)

    def check(self, config: LoggerConfig) -> None:
        """Raises TypeError if the run has no ``log_path``."""
        check_log_path("TensorBoardLogger", config)


class TensorBoardLogger(LoggerTool):
    """Writes rows under tags ``<mode>/<key>`` at the global step.

    Numbers become scalars (float32, TensorBoard's own precision), texts and
    histograms their own kinds; other arrays are left out. The row that ends
    an epoch also has ``<mode>/epoch``. The config becomes the run's
    hyperparameters. Everything of a run goes into one file, named by its
    `run_id`, also after a restart.

    Args:
        config: the settings.
        folder: where the event file lies.
        run_id: name of the run.
    """

    rewind: ClassVar[str] = "purge"
    media: ClassVar[bool] = True

    def __init__(self, config: TensorBoardLoggerConfig, folder: Path, run_id: str) -> None:
        from . import summaries

        self._summaries = summaries
        self.config = config
        self.path = folder / f"events.out.tfevents.{quote(run_id, safe='')}.podlog"
        self._file = AppendFile(self.path)
        self._hparams: dict[str, Any] = {}
        self._written = 0
        folder.mkdir(parents=True, exist_ok=True)

    def log_config(self, config: Any) -> None:
        """Takes the config: hyperparameters from the next `setup` on."""
        self._hparams = flatten(jsonable(config))

    def setup(self) -> None:
        """Opens the file and writes the hyperparameters, if they are new."""
        self._append([])
        checksum = zlib.crc32(json.dumps(self._hparams).encode())
        if self._hparams and checksum != self._written:
            self._append([self._summaries.hparams(self._hparams, time.time())])
            self._written = checksum

    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:  # noqa: ARG002
        """Writes one event."""
        self._append([self._event(metrics, step, mode, time.time())])

    def write(self, rows: Sequence[Row]) -> None:
        """Writes an event for each row; all of them, or none and an OSError."""
        events = []
        for row in rows:
            metrics = self.shown(row)
            if row.key.kind is Kind.EPOCH:
                metrics.setdefault("epoch", row.epoch)
            events.append(self._event(metrics, row.key.step, row.key.mode, row.time))
        self._append(events)

    def position(self) -> bytes:
        """Length of the file and checksum of the hyperparameters in it, as JSON."""
        return json.dumps([self._file.size, self._written]).encode()

    def rewind_to(self, position: bytes) -> None:
        """Cuts the run's event file; at a run's beginning, one of the same name is set aside."""
        size, self._written = json.loads(position) if position else (0, 0)
        if not position and self._file.size:
            self._file.close()
            set_aside(self.path, self.path.name.replace("tfevents", "other"))
        elif size > self._file.size > 0:  # it lost its end
            size = whole_records(self.path)
        self._file.cut(size)

    def finalize(self, status: str) -> None:
        """Writes how the run ended beside the hyperparameters; closes the file."""
        if self._written:
            self._append([self._summaries.session_end(status == "success", time.time())])
        self._file.close()

    def _event(self, metrics: dict[str, Any], step: int, mode: str, when: float) -> bytes:
        prefix = tag_of_mode(mode)
        values = ((f"{prefix}/{key}", value) for key, value in metrics.items())
        return self._summaries.row(values, step, when, new_style=self.config.tb_new_style)

    def _append(self, events: Sequence[bytes]) -> None:
        if not self._file.size:
            events = [self._summaries.version(time.time()), *events]
        self._file.append(b"".join(event_record(event) for event in events))


def tag_of_mode(mode: str) -> str:
    """The first part of a tag: ``mode`` with its own slashes (and %) escaped.

    So the first slash of a tag ends the mode, and tags of unequal modes and
    keys are unequal.
    """
    return mode.replace("%", "%25").replace("/", "%2F")


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """A nested config as dotted names and plain values; lists as JSON text."""
    if isinstance(config, dict) and (config or not prefix):
        flat: dict[str, Any] = {}
        for key, value in config.items():
            flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
        return flat
    if config is None or isinstance(config, list | dict):
        return {prefix: json.dumps(config)}
    return {prefix or "config": config}

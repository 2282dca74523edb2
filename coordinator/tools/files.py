"""`FileLogger`: metrics as CSV and JSON lines, the config as a file."""

import dataclasses
import json
import os
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import yaml

from ...proto.config import LoggerConfig, LoggerToolsConfig
from ...proto.configdict import jsonable
from ...proto.records import RunConfig
from ...proto.rows import Row
from ...proto.tool import LoggerTool
from .modefiles import ModeFiles, file_stem
from .paths import check_log_path, tool_folder
from .rowjson import json_value, metrics_json, row_json

_SUFFIXES = {"json": "json", "yaml": "yaml", "pickle": "pkl"}


@dataclasses.dataclass(kw_only=True)
class FileLoggerConfig(LoggerToolsConfig):
    """Settings of a `FileLogger`.

    Attributes:
        log_step_key: column of the step.
        log_epoch_key: column of the epoch.
        config_format: ``"json"``, ``"yaml"`` or ``"pickle"``.
        log_dir: folder below the run's ``log_path``.

    Raises:
        AssertionError: another `config_format`.
    """

    log_step_key: str = dataclasses.field(default="log_step", metadata={"secret": False})
    log_epoch_key: str = dataclasses.field(default="log_epoch", metadata={"secret": False})
    config_format: str = "json"
    log_dir: str = "file_logs"

    def __post_init__(self) -> None:
        if self.config_format not in _SUFFIXES:
            raise AssertionError(
                f"config_format {self.config_format!r}: one of {', '.join(_SUFFIXES)}"
            )

    def create(self, logger: Any) -> "FileLogger":
        """Makes the tool; `logger` gives the ``log_path``."""
        return FileLogger(self, tool_folder("FileLogger", logger, self.log_dir))

    def check(self, config: LoggerConfig) -> None:
        """Raises TypeError if the run has no ``log_path``."""
        check_log_path("FileLogger", config)


class FileLogger(LoggerTool):
    """Writes ``metrics_<mode>.csv``, the same as ``.jsonl``, and ``config.<format>``.

    The CSV file has the step, the epoch and one column a metric; the JSONL
    file also has arrays, and under ``_podlog`` who is in each row. Rows are
    there as soon as `write` returns. Late revisions take their rows' places in
    `finalize`.

    Args:
        config: the settings.
        folder: where the files go.
    """

    revise: ClassVar[str] = "replace"
    rewind: ClassVar[str] = "truncate"
    media: ClassVar[bool] = True

    def __init__(self, config: FileLoggerConfig, folder: Path) -> None:
        self.config = config
        self.log_path = folder
        self._fixed = (config.log_step_key, config.log_epoch_key)
        folder.mkdir(parents=True, exist_ok=True)
        self._modes = {stem: self._open(stem) for stem in ModeFiles.stems(folder)}

    def log_config(self, config: Any) -> None:
        """Writes `config` to its file; objects of any kind are made JSON-able."""
        if self.config.config_format == "pickle":
            self._write_config(pickle.dumps(config))
        else:
            self._write_values(jsonable(config))

    def log_run_config(self, config: RunConfig) -> None:
        """Writes the config; as pickle the very bytes that process 0 made."""
        values = json.loads(config.json)
        if self.config.config_format == "pickle":
            self._write_config(config.pickled or pickle.dumps(values))
        else:
            self._write_values(values)

    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
        """Writes one row that nothing but its metrics is known of."""
        step_key, epoch_key = self._fixed
        row = metrics_json(metrics, step, epoch, step_key=step_key, epoch_key=epoch_key)
        self._append({file_stem(mode): ([row], [])})

    def write(self, rows: Sequence[Row]) -> None:
        """Writes all of the rows, or none and an OSError."""
        step_key, epoch_key = self._fixed
        by_mode: dict[str, tuple[list[Any], list[Any]]] = {}
        for row in rows:
            lists = by_mode.setdefault(file_stem(row.key.mode), ([], []))
            lists[row.revision > 0].append(row_json(row, step_key=step_key, epoch_key=epoch_key))
        self._append(by_mode)

    def position(self) -> bytes:
        """Number of rows and late revisions by mode, as JSON."""
        return json.dumps({stem: files.position for stem, files in self._modes.items()}).encode()

    def rewind_to(self, position: bytes) -> None:
        """Cuts the files; at a run's beginning, those of another run are set aside."""
        counts = json.loads(position) if position else {}
        for stem, files in list(self._modes.items()):
            if stem in counts:
                files.keep(*counts[stem])
                continue
            if position:
                files.remove()
            else:
                files.set_aside()
            del self._modes[stem]

    def finalize(self, status: str) -> None:  # noqa: ARG002
        """Puts late rows in their places and closes the files."""
        for files in self._modes.values():
            files.settle()
            files.close()

    def _open(self, stem: str) -> ModeFiles:
        return ModeFiles(self.log_path, stem, self._fixed)

    def _append(self, by_mode: Mapping[str, tuple[list[Any], list[Any]]]) -> None:
        for stem, (rows, _) in by_mode.items():
            if stem not in self._modes:
                self._modes[stem] = self._open(stem)
            self._modes[stem].prepare(rows)
        marks = {stem: self._modes[stem].marks() for stem in by_mode}
        try:
            for stem, (rows, late) in by_mode.items():
                self._modes[stem].append(rows, late)
        except BaseException:
            for stem, mark in marks.items():
                self._modes[stem].cut_to(mark)
            raise

    def _write_values(self, values: Any) -> None:
        values = json_value(values)
        if self.config.config_format == "yaml":
            text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        else:
            text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        self._write_config(text.encode("utf-8", "backslashreplace"))

    def _write_config(self, data: bytes) -> None:
        path = self.log_path / f"config.{_SUFFIXES[self.config.config_format]}"
        new = path.with_name(path.name + ".new")
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

"""The seam between rows and back ends: `LoggerTool`, its contract and context."""

import abc
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from .config import LoggerConfig, LoggerToolsConfig
from .errors import ConfigError
from .records import RunConfig
from .rows import EventItem, Row


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToolContext:
    """What a tool's ``create`` may know: the Logger's attributes, read-only.

    Attributes:
        config: the run's config (its ``log_tools`` may be empty here).
        log_path: folder of the run, or None.
        run_id: name of the run.
    """

    config: LoggerConfig
    log_path: Path | None
    run_id: str
    epoch: int = 0
    found_nans: bool = False
    mode: str = "default"
    mode_stack: tuple[Any, ...] = ()
    log_tools: tuple["LoggerTool", ...] = ()


def tool_names(configs: Sequence[LoggerToolsConfig]) -> list[str]:
    """Under which names a run keeps its tools: the same in a single process and in a pod.

    That of the config's class without ``Config``, from the second on with a number behind it.
    """
    names: list[str] = []
    for config in configs:
        kind = type(config).__name__
        names.append(kind.removesuffix("Config") or kind)
    return [
        name if name not in names[:at] else f"{name}-{names[: at + 1].count(name)}"
        for at, name in enumerate(names)
    ]


def create_tool(config: LoggerToolsConfig, context: ToolContext) -> "LoggerTool":
    """Makes a tool.

    Raises:
        ConfigError: what its ``create`` returns is no tool.
        Exception: whatever its ``create`` raises.
    """
    tool = config.create(context)
    if not isinstance(tool, LoggerTool):
        raise ConfigError(
            f"{type(config).__name__}.create returned a {type(tool).__name__}: return a LoggerTool"
        )
    return tool


class LoggerTool(abc.ABC):
    """A back end that merged rows are written to.

    Life: made once by its config's ``create``; then `log_config` when a config
    is known, `setup` before the first row (again for a row after `finalize`),
    rows in order of (step, n) within each (mode, kind), `finalize` once. All
    calls come from one thread, which need not be the one that made it.
    Training and other tools never notice what becomes of a call: one that
    raises an OSError (a disk, a server) is repeated until it works, one that raises
    anything else a few times, then its rows are skipped and counted. In a
    process of its own a tool that does not return within `tools_timeout_s`,
    or that takes its process with it, is started again; the row at which it
    does so three times is skipped.

    Only `log_metrics` must be overridden. Values of `metrics` are Python
    scalars, strings, and, if `media` is set, arrays, `Histogram`, `Media` and
    `PerProcess`. The mapping is this tool's own; it may change it.

    A tool whose `position` and `rewind_to` are overridden gets each row
    exactly once even if it is killed: the position is committed together with
    the cursor, and it is told to go back to it at start. Any other tool may get
    the last rows before a crash twice (*at least once*).

    Attributes:
        names: maps a key to one that the back end can hold, reversibly.
        revise: ``"replace"`` if late revisions of a row are wanted.
        rewind: what it does about rows superseded after a restore.
        media: whether it takes values other than scalars and strings.
        per_process: whether it shows the values of single processes.
    """

    revise: ClassVar[str] = "ignore"
    rewind: ClassVar[str] = "purge"
    media: ClassVar[bool] = False
    per_process: ClassVar[bool] = False

    def names(self, key: str) -> str:
        """The name under which the back end holds `key`; unequal for unequal keys."""
        return key

    def log_config(self, config: Any) -> None:  # noqa: B027
        """Takes the run's config: a JSON-able mapping; the newest one counts."""

    def log_run_config(self, config: RunConfig) -> None:
        """Takes the config as it travelled; the default hands its JSON to `log_config`."""
        self.log_config(json.loads(config.json))

    def setup(self) -> None:  # noqa: B027
        """Called before the first row; may be called again."""

    @abc.abstractmethod
    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
        """Writes one row."""

    def write(self, rows: Sequence[Row]) -> None:
        """Writes up to 256 rows and leaves them where a crash cannot take them.

        The default calls `log_metrics` for each revision-0 row.
        """
        for row in rows:
            self.log_metrics(self.shown(row), row.key.step, row.epoch, row.key.mode)

    def shown(self, row: Row) -> dict[str, Any]:
        """The metrics of `row` as this tool is shown them, names mapped."""
        metrics: Mapping[str, Any] = row.metrics if row.shown is None else row.shown
        return {
            self.names(key): value
            for key, value in metrics.items()
            if self.media or isinstance(value, bool | int | float | str)
        }

    def log_event(self, event: EventItem) -> None:  # noqa: B027
        """Takes an event (NaN, restore, a process lost, …)."""

    def position(self) -> bytes:
        """Where it stands, after `write`; b"" if it does not know."""
        return b""

    def rewind_to(self, position: bytes) -> None:  # noqa: B027
        """Undoes what was written after `position`; the first call after ``create``.

        b"" means that nothing of this run was written: what is there is another's.
        """

    def finalize(self, status: str) -> None:  # noqa: B027
        """The last call of a chapter, with the verdict's status."""

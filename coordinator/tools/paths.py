"""Where a tool's files lie."""

from pathlib import Path
from typing import Any

from ...proto.config import LoggerConfig


def check_log_path(tool: str, config: LoggerConfig) -> None:
    """Raises where the run keeps nothing on disk.

    Raises:
        TypeError: `config` has no ``log_path``.
    """
    tool_folder(tool, config, "")


def tool_folder(tool: str, context: Any, log_dir: str) -> Path:
    """The folder of a tool: `log_dir` below the run's ``log_path``.

    Raises:
        TypeError: the run has no ``log_path``.
    """
    if context.log_path is None:
        raise TypeError(f"{tool} writes files: set LoggerConfig.log_path")
    return Path(context.log_path) / log_dir


def set_aside(path: Path, name: str = "") -> None:
    """Renames a file that is not this run's to the first free ``<name>.<number>``.

    Args:
        path: the file.
        name: its own if "".
    """
    number, name = 1, name or path.name
    while (free := path.with_name(f"{name}.{number}")).exists():
        number += 1
    path.rename(free)

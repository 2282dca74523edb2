"""A `FileLogger`, and what is in its files."""

import csv
import json
from pathlib import Path
from typing import Any

from podlog.coordinator.tools import FileLogger, FileLoggerConfig
from podlog.proto.tool import ToolContext


def make(context: ToolContext, **settings: Any) -> FileLogger:
    """A new life of the tool in the same folder."""
    return FileLoggerConfig(**settings).create(context)


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def cells(path: Path) -> list[list[str]]:
    """The records of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.reader(file))


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}

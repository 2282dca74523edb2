"""`ConsoleLogger`: a compact line a row."""

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

from ...proto.config import LoggerToolsConfig
from ...proto.rows import EventItem, Row
from ...proto.tool import LoggerTool
from .brief import one_line, short


def to_stdout(line: str) -> None:
    """Writes a line to this process's standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


sink: Callable[[str], None] = to_stdout
"""Where lines go. A coordinator in a process of its own sends them to whoever has a terminal."""


@dataclasses.dataclass(kw_only=True)
class ConsoleLoggerConfig(LoggerToolsConfig):
    """Settings of a `ConsoleLogger`.

    Attributes:
        modes: modes to show; empty: all.
        max_keys: metrics shown of a row; the rest is counted.
    """

    modes: list[str] = dataclasses.field(default_factory=list)
    max_keys: int = 8

    def create(self, logger: Any) -> "ConsoleLogger":  # noqa: ARG002
        """Makes the tool."""
        return ConsoleLogger(self)


class ConsoleLogger(LoggerTool):
    """Shows each row in a line: mode, step, epoch, metrics, and who is missing."""

    def __init__(self, config: ConsoleLoggerConfig) -> None:
        self.config = config

    def write(self, rows: Any) -> None:
        """Shows rows; late revisions are left out."""
        for row in rows:
            if row.revision == 0 and self._wanted(row.key.mode):
                sink(self._line(self.shown(row), row.key.step, row.epoch, row.key.mode) + _who(row))

    def log_metrics(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> None:
        """Shows one row."""
        if self._wanted(mode):
            sink(self._line(metrics, step, epoch, mode))

    def log_event(self, event: EventItem) -> None:
        """Shows the event's text."""
        sink(f"! {one_line(event.event.text)}")

    def _wanted(self, mode: str) -> bool:
        return not self.config.modes or mode in self.config.modes

    def _line(self, metrics: dict[str, Any], step: int, epoch: int, mode: str) -> str:
        values = {key: value for key, value in metrics.items() if key != "epoch"}
        shown = list(values.items())[: self.config.max_keys]
        parts = [f"{one_line(mode):<8} step {step:<7} epoch {epoch:<3}"]
        parts += [f"{one_line(key)} {short(key, value)}" for key, value in shown]
        if len(values) > len(shown):
            parts.append(f"… {len(values) - len(shown)} more")
        return "  ".join(parts)


def _who(row: Row) -> str:
    found = sorted({("NaN" if f.nan else "Inf", f.key, f.process, f.host) for f in row.non_finite})
    notes = [f"{what} in {key} on process {p} ({host})" for what, key, p, host in found]
    if row.missing:
        whole = len(row.processes) + len(row.missing)
        missing = ", ".join(map(str, row.missing))
        notes.insert(0, f"{len(row.processes)} of {whole}, missing {missing}")
    if len(notes) > 3:
        notes[3:] = [f"… {len(notes) - 3} more"]
    return "".join(f"  [{one_line(note)}]" for note in notes)

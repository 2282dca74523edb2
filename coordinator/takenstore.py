"""The journal's tables of what goes out once: log lines, and the cursors of who takes."""

import dataclasses
import logging
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.records import LogLine
from .database import Database, require
from .tables import intact


@dataclasses.dataclass(frozen=True, slots=True)
class Cursor:
    """How far a tool is.

    Attributes:
        id: the last item that it has taken; 0 at first.
        position: its own position then.
        told: the last chapter whose end it was told; 0: none.
    """

    id: int = 0
    position: bytes = b""
    told: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class StoredLine:
    """A log line on its way to ``output.log``."""

    id: int
    process: int
    time: float
    step: int
    line: LogLine


class TakenStore:
    """Base of `Journal`: log lines until they are written, and how far each tool is."""

    _db: Database
    _last_line: int = 0

    def add_line(self, process: int, time: float, step: int, line: LogLine) -> int:
        """Stores a log line until ``output.log`` has it; returns its id."""
        message = pb.LogLine(
            level=line.level, logger=line.logger, message=line.message, host=line.host
        )
        self._last_line += 1
        data = message.SerializeToString()
        self._db.put("lines", self._last_line, process, float(time), step, data)
        return self._last_line

    def lines_after(self, after: int, limit: int = 1024) -> list[StoredLine]:
        """The next `limit` lines with an id above `after`, in order of receipt."""
        found = self._db.execute(
            "SELECT * FROM lines WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [StoredLine(row[0], row[1], row[2], row[3], _read_line(row)) for row in found]

    def delete_lines_up_to(self, number: int) -> None:
        """Forgets lines that ``output.log`` has."""
        self._db.execute("DELETE FROM lines WHERE id <= ?", (number,))

    # ------------------------------------------------------------ cursors

    def cursor(self, tool: str) -> Cursor:
        """How far `tool` is."""
        found = self._db.execute("SELECT * FROM cursors WHERE tool = ?", (tool,)).fetchone()
        if found is None:
            return Cursor()
        _, number, told, position, _ = require(f"cursor of {tool}", "cursors", found)
        return Cursor(number, position, told)

    def cursors(self) -> dict[str, Cursor]:
        """How far each tool is, by name."""
        rows = self._db.execute("SELECT * FROM cursors ORDER BY tool")
        checked = (require(f"cursor of {row[0]}", "cursors", row) for row in rows)
        return {name: Cursor(id_, position, told) for name, id_, told, position, _ in checked}

    def set_cursor(self, tool: str, number: int, position: bytes, told: int) -> None:
        """Says that `tool` has taken everything up to `number`, and heard chapter `told` end."""
        self._db.put("cursors", tool, number, told, position)

    def _read_last_line(self) -> int:
        found = self._db.execute(
            "SELECT max(id) FROM (SELECT max(id) AS id FROM lines"
            " UNION SELECT max(id) FROM cursors WHERE tool = 'output')"
        )
        return int(found.fetchone()[0] or 0)


def _read_line(row: tuple[Any, ...]) -> LogLine:
    if not intact("lines", row):
        return LogLine(logging.ERROR, "podlog", f"log line {row[0]} of the journal is damaged")
    message = pb.LogLine.FromString(row[4])
    return LogLine(message.level, message.logger, message.message, message.host)

"""The journal's tables that tools are fed from: rows, events, configs, lines, cursors."""

import dataclasses
import logging
from collections.abc import Iterator

from ..proto import podlog_pb2 as pb
from ..proto.errors import JournalError
from ..proto.records import Event, Kind, LogLine, RunConfig
from ..proto.rowcodec import encode_details, encode_item, encode_main, read_item
from ..proto.rows import ConfigItem, EventItem, FeedItem, Row, RowKey
from .database import Database, intact, seal, unseal
from .newest import NewestRows

_ITEMS = """
SELECT id, 'row', data, crc FROM rows WHERE id > ?1
UNION ALL SELECT id, 'event', data, crc FROM events WHERE id > ?1
UNION ALL SELECT id, 'config', data, crc FROM configs WHERE id > ?1
ORDER BY id LIMIT ?2
"""

_NEWEST = """
SELECT id FROM (
  SELECT id, min(id) OVER one AS first, revision = max(revision) OVER one AS newest
  FROM rows WINDOW one AS (PARTITION BY attempt, mode, step, kind, n)
) WHERE newest ORDER BY first
"""


@dataclasses.dataclass(frozen=True, slots=True)
class StoredLine:
    """A log line on its way to ``output.log``."""

    id: int
    process: int
    time: float
    step: int
    line: LogLine


class ItemStore:
    """Base of `Journal`: what is given out, in one numbering, and who has taken it."""

    _db: Database
    _last_id: int
    _newest: NewestRows

    def add_row(self, row: Row) -> Row:
        """Stores a row; returns it with its id.

        Raises:
            JournalError: that revision of the row is there already.
        """
        number, key = self._next_id(), row.key
        data = encode_main(row).SerializeToString()
        added = self._db.execute(
            "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, *_identity(key), row.revision, *seal(data)),
        )
        if not added.rowcount:
            raise JournalError(f"journal: {key} has revision {row.revision} already")
        if row.per_process:
            keep = bool(row.non_finite or row.flags)
            details = encode_details(row).SerializeToString()
            values = (number, keep, *seal(details))
            self._db.execute("INSERT INTO details VALUES (?, ?, ?, ?)", values)
        row = dataclasses.replace(row, id=number)
        self._newest.add(row)
        return row

    def replace_row(self, row: Row) -> None:
        """Stores a row again under its id: what tools are shown is known now."""
        data = encode_main(row).SerializeToString()
        self._db.execute("UPDATE rows SET data = ?, crc = ? WHERE id = ?", (*seal(data), row.id))
        self._newest.add(row)

    def thin_details(self, newest: int = 1000, every: int = 100) -> None:
        """Forgets single processes' values of old rows.

        Kept are those of the `newest` rows, of every `every`-th row, and of
        rows in which something happened.
        """
        self._db.execute(
            "DELETE FROM details WHERE NOT keep AND id % ? != 0"
            " AND id <= (SELECT id FROM rows ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (every, newest),
        )
        self._newest = NewestRows()

    def add_event(self, item: EventItem) -> EventItem:
        """Stores an event; returns it with its id."""
        number = self._next_id()
        data = encode_item(dataclasses.replace(item, id=0)).event.SerializeToString()
        self._db.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?)", (number, item.event.name, *seal(data))
        )
        return dataclasses.replace(item, id=number)

    def add_config(self, config: RunConfig) -> ConfigItem:
        """Stores a config; returns it with its id."""
        number = self._next_id()
        data = encode_item(ConfigItem(0, config)).config.SerializeToString()
        self._db.execute("INSERT INTO configs VALUES (?, ?, ?)", (number, *seal(data)))
        return ConfigItem(number, config)

    def rows_after(self, after: int, limit: int = 256) -> list[FeedItem]:
        """The next `limit` rows, events and configs with an id above `after`, in order.

        In place of one whose checksum is wrong stands an event ``damaged``,
        so that nothing behind it has to wait.
        """
        found = self._db.execute(_ITEMS, (after, limit)).fetchall()
        return [self._read_item(*values) for values in found]

    def last_id(self) -> int:
        """The id given last; 0 if there is none."""
        return self._last_id

    def newest_config(self) -> ConfigItem | None:
        """The last config: what a tool that starts behind it must be told first."""
        found = self._db.execute("SELECT id, data, crc FROM configs ORDER BY id DESC LIMIT 1")
        values = found.fetchone()
        if values is None:
            return None
        item = self._read_item(values[0], "config", *values[1:])
        return item if isinstance(item, ConfigItem) else None

    def row(self, attempt: int | None, mode: str, step: int, kind: Kind, n: int = 0) -> Row | None:
        """Revision 0 of a row, or None if it is not closed.

        Args:
            attempt: its number; None: the newest attempt that has the row.
            mode: its mode, and so on through its identity.
            step: its step.
            kind: its kind.
            n: its number at (mode, step, kind).
        """
        found = self._db.execute(
            "SELECT rows.id, 'row', data, crc FROM rows"
            " LEFT JOIN attempts ON attempts.number = rows.attempt"
            " WHERE mode = ? AND step = ? AND kind = ? AND n = ? AND revision = 0"
            " AND (?5 IS NULL OR rows.attempt = ?5)"
            " ORDER BY attempts.started DESC, attempts.job_id DESC, attempts.restores DESC LIMIT 1",
            (mode, step, kind.value, n, attempt),
        ).fetchone()
        item = None if found is None else self._read_item(*found)
        return item if isinstance(item, Row) else None

    def newest_revision(self, key: RowKey) -> int:
        """The newest stored revision of a row; -1 if there is none."""
        found = self._db.execute(
            "SELECT coalesce(max(revision), -1) FROM rows"
            " WHERE attempt = ? AND mode = ? AND step = ? AND kind = ? AND n = ?",
            (key.attempt, key.mode, key.step, key.kind.value, key.n),
        )
        return int(found.fetchone()[0])

    def given_rows(self, attempt: int) -> Iterator[tuple[RowKey, int, tuple[int, ...]]]:
        """Key, newest revision and processes of every row of an attempt: for a restart."""
        found = self._db.execute(
            "SELECT id, mode, step, kind, n, max(revision), data, crc FROM rows WHERE attempt = ?"
            " GROUP BY mode, step, kind, n ORDER BY id",
            (attempt,),
        )
        for number, mode, step, kind, n, revision, data, crc in found:
            message = pb.Row.FromString(unseal(f"row {number}", data, crc))
            yield RowKey(attempt, mode, step, Kind(kind), n), revision, tuple(message.processes)

    def has_row(self, key: RowKey) -> bool:
        """Whether a row was given out."""
        found = self._db.execute(
            "SELECT 1 FROM rows WHERE attempt = ? AND mode = ? AND step = ? AND kind = ? AND n = ?",
            _identity(key),
        )
        return found.fetchone() is not None

    def newest_rows(self) -> Iterator[Row]:
        """The newest revision of every row, in the order in which they were first given out."""
        found = self._db.execute(_NEWEST).fetchall()
        for (number,) in found:
            values = self._db.execute("SELECT data, crc FROM rows WHERE id = ?", (number,))
            item = self._read_item(number, "row", *values.fetchone())
            if isinstance(item, Row):
                yield item

    # -------------------------------------------------------------- lines

    def add_line(self, process: int, time: float, step: int, line: LogLine) -> int:
        """Stores a log line until ``output.log`` has it; returns its id."""
        message = pb.LogLine(
            level=line.level, logger=line.logger, message=line.message, host=line.host
        )
        added = self._db.execute(
            "INSERT INTO lines (process, time, step, data, crc) VALUES (?, ?, ?, ?, ?)",
            (process, time, step, *seal(message.SerializeToString())),
        )
        return int(added.lastrowid or 0)

    def lines_after(self, after: int, limit: int = 1024) -> list[StoredLine]:
        """The next `limit` lines with an id above `after`, in order of receipt."""
        found = self._db.execute(
            "SELECT id, process, time, step, data, crc FROM lines WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [
            StoredLine(number, process, time, step, _read_line(number, data, crc))
            for number, process, time, step, data, crc in found
        ]

    def delete_lines_up_to(self, number: int) -> None:
        """Forgets lines that ``output.log`` has."""
        self._db.execute("DELETE FROM lines WHERE id <= ?", (number,))

    # ------------------------------------------------------------ cursors

    def cursor(self, tool: str) -> tuple[int, bytes]:
        """Id of the last item that `tool` has taken, and its position then; (0, b"") at first."""
        found = self._db.execute("SELECT id, data, crc FROM cursors WHERE tool = ?", (tool,))
        values = found.fetchone()
        if values is None:
            return 0, b""
        number, data, crc = values
        return int(number), unseal(f"cursor of {tool}", data, crc)

    def set_cursor(self, tool: str, number: int, position: bytes) -> None:
        """Says that `tool` has taken everything up to `number`."""
        self._db.execute(
            "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?)", (tool, number, *seal(position))
        )

    # ------------------------------------------------------------- inside

    def _read_item(self, number: int, kind: str, data: object, crc: object) -> FeedItem:
        kept = self._newest.get(number)
        if kept is not None and intact(data, crc):
            return kept
        details: tuple[object, object] | None = None
        if kind == "row":
            details = self._db.execute(
                "SELECT data, crc FROM details WHERE id = ?", (number,)
            ).fetchone()
        if not intact(data, crc) or (details and not intact(*details)):
            text = f"{kind} {number} of the journal is damaged and was left out"
            return EventItem(number, 0, 0, 0, 0.0, Event("damaged", text))
        assert isinstance(data, bytes)
        message = pb.FeedItem()
        part: pb.Row | pb.EventItem | pb.ConfigItem = getattr(message, kind)
        part.MergeFromString(data)
        if details:
            part.MergeFromString(details[0])  # type: ignore[arg-type]
        part.id = number
        return read_item(message)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _read_last_id(self) -> int:
        found = self._db.execute(
            "SELECT max(id) FROM (SELECT max(id) AS id FROM rows"
            " UNION SELECT max(id) FROM events UNION SELECT max(id) FROM configs)"
        )
        return int(found.fetchone()[0] or 0)


def _identity(key: RowKey) -> tuple[int, str, int, int, int]:
    return key.attempt, key.mode, key.step, key.kind.value, key.n


def _read_line(number: int, data: object, crc: object) -> LogLine:
    if not intact(data, crc):
        return LogLine(logging.ERROR, "podlog", f"log line {number} of the journal is damaged")
    assert isinstance(data, bytes)
    message = pb.LogLine.FromString(data)
    return LogLine(message.level, message.logger, message.message, message.host)

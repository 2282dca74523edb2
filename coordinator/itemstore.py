"""The journal's tables that tools are fed from: rows, events, configs."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.errors import JournalError
from ..proto.records import ROW_KINDS, Event, Kind, RunConfig
from ..proto.rowcodec import encode_details, encode_item, encode_main, read_item
from ..proto.rows import ConfigItem, EventItem, FeedItem, Row, RowKey
from .database import Database, require
from .newest import NewestRows
from .tables import intact, seal

_ITEMS = (("row", "rows"), ("event", "events"), ("config", "configs"))
"""What is given out, as a message has it, and the table it lies in."""

_NEWEST = """
SELECT id FROM (
  SELECT id, min(id) OVER one AS first, revision = max(revision) OVER one AS newest
  FROM rows WINDOW one AS (PARTITION BY attempt, mode, step, kind, n)
) WHERE newest ORDER BY first
"""


_OF_KEY = "WHERE attempt = ? AND mode = ? AND kind = ? AND step = ? AND n = ?"

_MODES = """
WITH RECURSIVE modes (mode) AS (
  SELECT min(mode) FROM rows WHERE attempt = ?1
  UNION ALL
  SELECT (SELECT min(mode) FROM rows WHERE attempt = ?1 AND mode > modes.mode) FROM modes
  WHERE modes.mode IS NOT NULL
) SELECT mode FROM modes WHERE mode IS NOT NULL
"""

_GIVEN = """
SELECT * FROM (
  SELECT rows.*, max(revision) FROM rows WHERE attempt = ? AND mode = ? AND kind = ?
  GROUP BY step, n ORDER BY step DESC, n DESC LIMIT ?
) ORDER BY id
"""


_MISSING = """
WITH ids AS (
  SELECT id FROM rows UNION ALL SELECT id FROM events UNION ALL SELECT id FROM configs
)
SELECT before + 1, id - 1 FROM (SELECT id, lag(id, 1, 0) OVER (ORDER BY id) AS before FROM ids)
WHERE id > before + 1 ORDER BY id
"""


class ItemStore:
    """Base of `Journal`: what is given out, in one numbering."""

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
            seal("rows", number, *_identity(key), row.revision, data),
        )
        if not added.rowcount:
            raise JournalError(f"journal: {key} has revision {row.revision} already")
        if row.per_process:
            keep = int(bool(row.non_finite or row.flags))
            self._db.put("details", number, keep, encode_details(row).SerializeToString())
        row = dataclasses.replace(row, id=number)
        self._newest.add(row)
        return row

    def replace_row(self, row: Row) -> None:
        """Stores a row again under its id: what tools are shown is known now."""
        data = encode_main(row).SerializeToString()
        self._db.put("rows", row.id, *_identity(row.key), row.revision, data)
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
        self._db.put("events", number, item.event.name, data)
        return dataclasses.replace(item, id=number)

    def add_config(self, config: RunConfig) -> ConfigItem:
        """Stores a config; returns it with its id."""
        number = self._next_id()
        data = encode_item(ConfigItem(0, config)).config.SerializeToString()
        self._db.put("configs", number, data)
        return ConfigItem(number, config)

    def rows_after(self, after: int, limit: int = 256) -> list[FeedItem]:
        """The next `limit` rows, events and configs with an id above `after`, in order.

        In place of one whose checksum is wrong stands an event ``damaged``,
        so that nothing behind it has to wait.
        """
        found: list[tuple[str, tuple[Any, ...]]] = []
        for kind, table in _ITEMS:
            sql = f"SELECT * FROM {table} WHERE id > ? ORDER BY id LIMIT ?"
            found += [(kind, values) for values in self._db.execute(sql, (after, limit))]
        found.sort(key=lambda item: item[1][0])
        return [self._read_item(*item) for item in found[:limit]]

    def last_id(self) -> int:
        """The id given last; 0 if there is none."""
        return self._last_id

    def newest_config(self) -> ConfigItem | None:
        """The last config: what a tool that starts behind it must be told first."""
        found = self._db.execute("SELECT * FROM configs ORDER BY id DESC LIMIT 1").fetchone()
        if found is None:
            return None
        item = self._read_item("config", found)
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
            "SELECT rows.* FROM rows"
            " LEFT JOIN attempts ON attempts.number = rows.attempt"
            " WHERE mode = ? AND step = ? AND kind = ? AND n = ? AND revision = 0"
            " AND (?5 IS NULL OR rows.attempt = ?5)"
            " ORDER BY attempts.started DESC, attempts.job_id DESC, attempts.restores DESC LIMIT 1",
            (mode, step, kind.value, n, attempt),
        ).fetchone()
        item = None if found is None else self._read_item("row", found)
        return item if isinstance(item, Row) else None

    def newest_revision(self, key: RowKey) -> int:
        """The newest stored revision of a row; -1 if there is none."""
        found = self._db.execute(
            f"SELECT coalesce(max(revision), -1) FROM rows {_OF_KEY}",
            _identity(key),
        )
        return int(found.fetchone()[0])

    def given_rows(
        self, attempt: int, newest: int
    ) -> Iterator[tuple[RowKey, int, tuple[int, ...]]]:
        """Key, newest revision and processes of an attempt's rows: for a restart.

        Args:
            attempt: its number.
            newest: of each (mode, kind) only so many, those with the greatest (step, n).
        """
        for (mode,) in self._db.execute(_MODES, (attempt,)).fetchall():
            for kind in sorted(ROW_KINDS):
                for row in self._db.execute(_GIVEN, (attempt, mode, kind.value, newest)):
                    *_, step, n, revision, data, _ = require(f"row {row[0]}", "rows", row[:-1])
                    processes = tuple(pb.Row.FromString(data).processes)
                    yield RowKey(attempt, mode, step, kind, n), revision, processes

    def count_rows(self, job_id: str) -> int:
        """How many rows the attempts of one life of the job have, each revision aside."""
        found = self._db.execute(
            "SELECT count(*) FROM rows WHERE revision = 0"
            " AND attempt IN (SELECT number FROM attempts WHERE job_id = ?)",
            (job_id,),
        )
        return int(found.fetchone()[0])

    def last_step(self, job_id: str) -> int | None:
        """The greatest step of one life of the job: of its STEP rows, if it has any."""
        found = self._db.execute(
            "SELECT coalesce(max(CASE kind WHEN ? THEN step END), max(step)) FROM rows"
            " WHERE attempt IN (SELECT number FROM attempts WHERE job_id = ?)",
            (Kind.STEP.value, job_id),
        )
        step = found.fetchone()[0]
        return None if step is None else int(step)

    def has_row(self, key: RowKey) -> bool:
        """Whether a row was given out."""
        found = self._db.execute(f"SELECT 1 FROM rows {_OF_KEY} LIMIT 1", _identity(key))
        return found.fetchone() is not None

    def rows_at(self, attempt: int, mode: str, kind: Kind, step: int) -> list[Row]:
        """The newest revision of each row of an attempt at (mode, kind, step)."""
        found = self._db.execute(
            "SELECT rows.*, max(revision) FROM rows"
            " WHERE attempt = ? AND mode = ? AND kind = ? AND step = ? GROUP BY n",
            (attempt, mode, kind.value, step),
        )
        items = [self._read_item("row", row[:-1]) for row in found]
        return [item for item in items if isinstance(item, Row)]

    def newest_rows(self) -> Iterator[Row]:
        """The newest revision of every row, in the order in which they were first given out."""
        found = self._db.execute(_NEWEST).fetchall()
        for (number,) in found:
            values = self._db.execute("SELECT * FROM rows WHERE id = ?", (number,)).fetchone()
            item = self._read_item("row", values)
            if isinstance(item, Row):
                yield item

    def missing_items(self) -> list[tuple[int, int]]:
        """Ids that are gone from the one numbering of rows, events and configs."""
        top = self._read_last_id()
        found = [(first, last) for first, last in self._db.execute(_MISSING)]
        (last,) = self._db.execute(
            "SELECT max(coalesce((SELECT max(id) FROM rows), 0),"
            " coalesce((SELECT max(id) FROM events), 0),"
            " coalesce((SELECT max(id) FROM configs), 0))"
        ).fetchone()
        return [*found, (last + 1, top)] if last < top else found

    # ------------------------------------------------------------- inside

    def _read_item(self, kind: str, row: tuple[Any, ...]) -> FeedItem:
        number = row[0]
        whole = intact(dict(_ITEMS)[kind], row)
        kept = self._newest.get(number) if whole else None
        if kept is not None:
            return kept
        details = None
        if kind == "row":
            found = self._db.execute("SELECT * FROM details WHERE id = ?", (number,))
            details = found.fetchone()
            whole = whole and (details is None or intact("details", details))
        if not whole:
            text = f"{kind} {number} of the journal is damaged and was left out"
            return EventItem(number, 0, 0, 0, 0.0, Event("damaged", text))
        message = pb.FeedItem()
        part: pb.Row | pb.EventItem | pb.ConfigItem = getattr(message, kind)
        part.MergeFromString(row[-2])
        if details is not None:
            part.MergeFromString(details[2])
        part.id = number
        return read_item(message)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _read_last_id(self) -> int:
        found = self._db.execute(
            "SELECT max(id) FROM (SELECT max(id) AS id FROM rows"
            " UNION SELECT max(id) FROM events UNION SELECT max(id) FROM configs"
            " UNION SELECT max(id) FROM cursors WHERE tool != 'output')"
        )
        return int(found.fetchone()[0] or 0)


def _identity(key: RowKey) -> tuple[int, str, int, int, int]:
    return key.attempt, key.mode, key.kind.value, key.step, key.n

"""The journal's tables of records: acks, schemas, and what rows are made of."""

from collections.abc import Iterable, Sequence
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.codec import decode_block, encode_block, read_schema, schema_id, schema_message
from ..proto.errors import WireError
from ..proto.records import Record, Schema
from ..proto.rows import RowKey
from .core.incomplete import Passed
from .database import Database, require, signed, unsigned
from .tables import seal

_OF_ROW = "WHERE attempt = ? AND mode = ? AND step = ? AND kind = ? AND row_n = ?"


class RecordStore:
    """Base of `Journal`: what processes sent, until its row is closed by all.

    A record is *open* until `assign` says which row it went into: the n of a
    host row is the clock's, not the record's.
    """

    _db: Database
    _schemas: dict[int, Schema]

    def acks(self) -> dict[int, int]:
        """For each incarnation the sequence number up to which all is stored."""
        rows = self._db.execute("SELECT * FROM acks")
        return {unsigned(i): seq for i, seq, _ in (require("an ack", "acks", r) for r in rows)}

    def set_ack(self, incarnation: int, seq: int) -> None:
        """Says that every record of `incarnation` up to `seq` is stored."""
        self._db.put("acks", signed(incarnation), seq)

    def schemas(self) -> dict[int, Schema]:
        """All schemas by id."""
        return dict(self._schemas)

    def add_schema(self, schema: Schema) -> int:
        """Stores a schema once; returns its id. `add_records` does it by itself."""
        number = schema_id(schema)
        if number not in self._schemas:
            data = schema_message(schema).SerializeToString()
            self._db.put("schemas", signed(number), data)
            self._schemas[number] = schema
        return number

    def add_records(self, records: Iterable[tuple[Record, int]]) -> None:
        """Stores records of rows, each with the number of its attempt.

        One that is there already is left as it is.
        """
        values = []
        for r, attempt in records:
            self.add_schema(r.draft.schema)
            block = encode_block(r.process, r.incarnation, r.restores, r.seq, [r.draft])
            head = (signed(r.incarnation), r.seq, attempt, r.mode, r.draft.step, r.kind.value)
            values.append(seal("records", *head, None, block.SerializeToString()))
        self._db.executemany(
            "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values
        )

    def assign(self, key: RowKey, records: Sequence[Record]) -> None:
        """Says that stored `records` went into row `key`."""
        self._db.executemany(
            "UPDATE records SET crc = reseal(crc, row_n, ?1), row_n = ?1"
            " WHERE incarnation = ?2 AND seq = ?3",
            [(key.n, signed(r.incarnation), r.seq) for r in records],
        )

    def records_of(self, key: RowKey) -> list[Record]:
        """The kept records of a row, in order of process."""
        found = self._db.execute(f"SELECT * FROM records {_OF_ROW}", _identity(key))
        records = [self._read(row) for row in found]
        return sorted(records, key=lambda r: (r.process, r.incarnation, r.seq))

    def delete_records(self, key: RowKey) -> None:
        """Forgets the records of a row that nobody can add to; the ack stays."""
        self._db.execute(f"DELETE FROM records {_OF_ROW}", _identity(key))

    def delete_records_through(self, passed: Passed) -> None:
        """Forgets the records of all rows up to a step that nobody can add to."""
        self._db.execute(
            "DELETE FROM records WHERE attempt = ? AND mode = ? AND kind = ? AND step <= ?"
            " AND row_n IS NOT NULL",
            (passed.attempt, passed.mode, passed.kind.value, passed.step),
        )

    def forget(self, records: Iterable[Record]) -> None:
        """Forgets single records; the ack stays."""
        self._db.executemany(
            "DELETE FROM records WHERE incarnation = ? AND seq = ?",
            [(signed(r.incarnation), r.seq) for r in records],
        )

    def open_records(self) -> list[tuple[Record, int]]:
        """Records that are in no row yet, with their attempts: for a restart."""
        found = self._db.execute(
            "SELECT * FROM records WHERE row_n IS NULL ORDER BY incarnation, seq"
        )
        return [(self._read(row), row[2]) for row in found]

    def drop_unreadable(self) -> list[tuple[int, int]]:
        """Forgets records whose schema is missing; returns incarnation and number of each."""
        keys = []
        for row in self._db.execute("SELECT * FROM records"):
            try:
                self._read(row)
            except WireError:
                keys.append(row[:2])
        self._db.executemany("DELETE FROM records WHERE incarnation = ? AND seq = ?", keys)
        return [(unsigned(incarnation), seq) for incarnation, seq in keys]

    def _read(self, row: tuple[Any, ...]) -> Record:
        data = require(f"record {row[1]}", "records", row)[7]
        return decode_block(pb.Block.FromString(data), self._schemas)[0]

    def _load_schemas(self) -> dict[int, Schema]:
        schemas = {}
        for row in self._db.execute("SELECT * FROM schemas").fetchall():
            message = pb.Schema.FromString(require(f"schema {row[0]}", "schemas", row)[1])
            schemas[unsigned(row[0])] = read_schema(message)
        return schemas


def _identity(key: RowKey) -> tuple[int, str, int, int, int]:
    return key.attempt, key.mode, key.step, key.kind.value, key.n

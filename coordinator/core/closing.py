"""A row that closes, and what is known of it."""

import dataclasses

from ...proto.records import Record
from ...proto.rows import RowKey


@dataclasses.dataclass(frozen=True, slots=True)
class Closing:
    """A row that closes, or the next revision of one that had closed.

    Attributes:
        key: its identity; n of host rows is given here.
        revision: 0 in order; more for late ones. For a row that the clock has
            forgotten (thousands of steps ago) it starts at 1 again: the greater
            of this and the stored revision + 1 counts.
        records: its records by process; of a late one only the new records, to
            be merged with the stored ones.
        missing: processes that should be in it and are not.
        absent: processes that take no part in this (mode, kind) now.
        late: it comes after its turn.
        complete: nobody can add to it any more; its records may go.
    """

    key: RowKey
    revision: int
    records: tuple[Record, ...]
    missing: tuple[int, ...]
    absent: tuple[int, ...]
    late: bool
    complete: bool

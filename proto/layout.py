"""How the columns of a record lie in a block: numbers packed, payloads beside them."""

import dataclasses
import functools
import struct
from collections.abc import Iterable, Sequence

from .records import Column, Dtype, Schema


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """The columns of the records of one schema.

    Attributes:
        scalars: all columns but payloads.
        payloads: indices of columns that are payloads.
        bools: indices of columns that are bools.
        wide: number of columns.
    """

    scalars: struct.Struct
    payloads: tuple[int, ...]
    bools: tuple[int, ...]
    wide: int

    def pack(self, columns: Sequence[Column]) -> tuple[bytes, list[bytes]]:
        """The scalars of a record and its payloads.

        Raises:
            ValueError, struct.error: these are not columns of the schema.
        """
        if len(columns) != self.wide:
            raise ValueError(f"a record of {len(columns)} columns, its schema has {self.wide}")
        if not self.payloads:
            return self.scalars.pack(*columns), []
        scalars = [c for i, c in enumerate(columns) if i not in self.payloads]
        return self.scalars.pack(*scalars), [c for c in columns if isinstance(c, bytes)]

    def unpack(
        self, scalars: bytes, record: int, payloads: Sequence[bytes] = ()
    ) -> tuple[Column, ...]:
        """The columns of one of the records whose packed scalars are `scalars`.

        Args:
            scalars: of all records, one behind the other.
            record: which of them.
            payloads: those of this record.
        """
        columns = self.scalars.unpack_from(scalars, record * self.scalars.size)
        if not self.payloads and not self.bools:
            return columns
        return self._with_others(columns, payloads)

    def _with_others(
        self, scalars: Iterable[Column], payloads: Sequence[bytes]
    ) -> tuple[Column, ...]:
        columns = list(scalars)
        for index, payload in zip(self.payloads, payloads, strict=True):
            columns.insert(index, payload)
        for index in self.bools:
            columns[index] = bool(columns[index])
        return tuple(columns)


@functools.lru_cache(maxsize=1024)
def layout_of(schema: Schema) -> Layout:
    """The layout of the records of `schema`."""
    columns = schema.columns()
    codes = "".join("d" if c is Dtype.F8 else "q" for c in columns if c is not Dtype.BYTES)
    return Layout(
        struct.Struct("<" + codes),
        tuple(i for i, c in enumerate(columns) if c is Dtype.BYTES),
        tuple(i for i, c in enumerate(columns) if c is Dtype.BOOL),
        len(columns),
    )

"""Spools made and read by hand, and a disk that fails when a test says so."""

import errno
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from podlog.proto import podlog_pb2 as pb
from podlog.proto.alive import boot_id, start_time
from podlog.proto.codec import body_draft, decode_block, read_schema
from podlog.proto.gaps import standing_in
from podlog.proto.records import Draft, Dtype, Gap, Kind, LogLine, Metric, Op, Record, Schema
from podlog.worker.segments import DiskSegment
from podlog.worker.spool import Spool

HELLO = pb.Hello(process=3, incarnation=0xC0FFEE, host="h", restores=2)


def gone() -> dict[str, Any]:
    """Fields of the Hello of a process of this machine that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    found = {"pid": process.pid, "pid_started": start_time(process.pid), "boot_id": boot_id()}
    process.wait()
    return found


def draft(
    step: int, *keys: str, kind: Kind = Kind.STEP, mode: str = "train", value: Any = None
) -> Draft:
    metrics = tuple(Metric(key, Op.NUMBER, (Dtype.F8,)) for key in keys or ("loss",))
    values = (float(step) if value is None else value,) * len(metrics)
    return Draft(Schema(kind, mode, metrics), step, 0, 0, 1.5, values)


def line(text: str) -> Draft:
    return body_draft(LogLine(20, "app", text), 2.5)


def held(spool: Spool, after: int = 0, max_bytes: int = 1 << 20) -> list[Record | Gap]:
    """All that a live spool gives behind `after`, in order."""
    found: list[Record | Gap] = []
    while blocks := spool.read(after, max_bytes):
        for block in blocks:
            schema = read_schema(spool.schema(block.schema_id))
            found += opened(block, {block.schema_id: schema})
        last = found[-1]
        after = last.last if isinstance(last, Gap) else last.seq
    return found


def replayed(batches: Iterable[pb.Batch]) -> list[Record | Gap]:
    """All that an orphan's batches hold, in order."""
    schemas: dict[int, Schema] = {}
    found: list[Record | Gap] = []
    for batch in batches:
        schemas |= {schema.id: read_schema(schema) for schema in batch.schemas}
        for block in batch.blocks:
            found += opened(block, schemas)
    return found


def opened(block: pb.Block, schemas: dict[int, Schema]) -> list[Record | Gap]:
    gap = standing_in(block)
    return [gap] if gap is not None else list(decode_block(block, schemas))


def without_holes(found: Iterable[Record | Gap], after: int = 0) -> dict[int, Draft | str]:
    """What each number is: a draft, or the cause of its loss; fails if one comes twice or never."""
    numbers: dict[int, Draft | str] = {}
    for each in found:
        first, last = (each.first, each.last) if isinstance(each, Gap) else (each.seq, each.seq)
        assert first == after + 1, (first, after)
        for number in range(first, last + 1):
            numbers[number] = each.cause if isinstance(each, Gap) else each.draft
        after = last
    return numbers


class Disk:
    """Makes segments; `fault` is asked before each operation and may say what goes wrong.

    Attributes:
        fault: given "open", "append", "sync" or "read"; returns an errno, or 0.
        torn: a failing append leaves half a frame that nobody cuts back.
    """

    def __init__(self, fault: Callable[[str], int] = lambda _: 0, *, torn: bool = False) -> None:
        self.fault = fault
        self.torn = torn

    def __call__(self, path: Path, header: bytes) -> "DiskSegment":
        self.check("open")
        return _Segment(path, header, self)

    def check(self, what: str) -> None:
        number = self.fault(what)
        if number:
            raise OSError(number, errno.errorcode[number])


class _Segment(DiskSegment):
    def __init__(self, path: Path, header: bytes, disk: Disk) -> None:
        super().__init__(path, header)
        self._disk = disk

    def append(self, frame: bytes) -> None:
        try:
            self._disk.check("append")
        except OSError:
            if self._disk.torn:
                with self._path.open("ab") as file:
                    file.write(b"\x05\0\0\0torn")
            raise
        super().append(frame)

    def sync(self) -> None:
        self._disk.check("sync")
        super().sync()

    def frames(self, position: int | None) -> Any:
        self._disk.check("read")
        return super().frames(position)


def records(spool: Spool, after: int = 0, max_bytes: int = 1 << 20) -> list[Record]:
    """What a spool gives back behind a number."""
    found: list[Record] = []
    while blocks := spool.read(after, max_bytes):
        for block in blocks:
            schema = read_schema(spool.schema(block.schema_id))
            found += decode_block(block, {block.schema_id: schema})
        after = found[-1].seq
    return found

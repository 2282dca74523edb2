"""The spools of processes that are gone: found, locked, read back, deleted.

A spool is a folder of segments ``<process>-<incarnation>.<segment>``, each a
framed log file (see `logfile`): the header is the writer's `pb.Hello`, a frame
is a `pb.WorkerMessage` with a batch, or with a Hello that knows the job_id.
Whoever finds the segments of a dead incarnation may send them on; a record that
is delivered twice is dropped by its number.
"""

import contextlib
import dataclasses
from collections.abc import Container, Iterator
from pathlib import Path

from . import podlog_pb2 as pb
from .codec import safe_text
from .gaps import GAP_SCHEMA_MESSAGE, OTHER_JOURNAL, gap_block
from .records import Gap
from .segmentfile import Contents, SegmentName, blocks, read_header, scan
from .spoollock import Hold

_UNREADABLE = "missing from the spool of its process, or damaged there"


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """One segment as it was found.

    Attributes:
        path: the file.
        hello: its writer, as the header says; only process and incarnation,
            from the file's name, if the header cannot be read.
        first: the lowest number in it, 0 if it holds none.
        last: the highest number in it, 0 if it holds none.
        cut: bytes behind the last whole frame.
        live: whether its writer is there.
        records: how many records lie in whole frames.
        lost: numbers that its gap records declare lost, as (first, last, cause).
        problems: what could not be read, in words.
    """

    path: Path
    hello: pb.Hello
    first: int
    last: int
    cut: int
    live: bool
    records: int = 0
    lost: tuple[tuple[int, int, str], ...] = ()
    problems: tuple[str, ...] = ()


class Orphan:
    """All segments of one incarnation whose writer is gone. Used by one thread.

    End it with `delete` or `release`; made by `orphans`.

    Attributes:
        hello: the writer; with job_id and job_started if any frame has them,
            and the greatest acked.
        last: the highest number found.
        cut: bytes of torn tails.
        problems: what could not be read, in words.
    """

    def __init__(
        self, hold: Hold, name: SegmentName, found: list[tuple[Path, SegmentName, Contents]]
    ) -> None:
        self._hold = hold
        self._segments = [each for each in found if each[2].last]
        self._schemas = {GAP_SCHEMA_MESSAGE.id: GAP_SCHEMA_MESSAGE}
        for _, _, contents in found:
            self._schemas |= contents.schemas
        self.hello = _writer(name, [h for _, _, contents in found for h in contents.hellos])
        self.last = max((contents.last for _, _, contents in found), default=0)
        self.cut = sum(contents.cut for _, _, contents in found)
        self.problems = [
            safe_text(f"{path}: {problem}")
            for path, _, contents in found
            for problem in contents.problems
        ]

    def batches(self, after: int, max_bytes: int = 256 << 10) -> Iterator[pb.Batch]:
        """What lies behind number `after`, in order, about `max_bytes` at a time.

        A batch holds each schema before its first use in this call. Numbers
        that are missing are declared by a GAP record that stands in for them.
        It ends early if another one has delivered and deleted the files.

        Raises:
            OSError: the disk cannot be read now.
        """
        batch, size, sent = pb.Batch(), 0, set[int]()
        for block in self._whole(after):
            added = block.ByteSize()
            if batch.blocks and size + added > max_bytes:
                yield batch
                batch, size = pb.Batch(), 0
            if block.schema_id not in sent:
                sent.add(block.schema_id)
                batch.schemas.append(self._schemas[block.schema_id])
            batch.blocks.append(block)
            size += added
        if batch.blocks:
            yield batch

    def delete(self) -> bool:
        """All is committed: the files go, if the writer is surely gone. Releases; safe twice.

        Returns:
            Whether they went.
        """
        return self._hold.delete(self.hello)

    @property
    def blocked(self) -> bool:
        """Whether `delete` may do more later: another has the locks now."""
        return self._hold.blocked

    def release(self) -> None:
        """Gives the locks free; the files stay. Safe twice."""
        self._hold.release()

    def _whole(self, after: int) -> Iterator[pb.Block]:
        """The blocks behind `after` without a hole."""
        with contextlib.suppress(FileNotFoundError):
            for first, last, block in self._found(after):
                yield from self._missing(after + 1, first - 1)
                yield block
                after = last
            yield from self._missing(after + 1, self.last)

    def _found(self, after: int) -> Iterator[tuple[int, int, pb.Block]]:
        for at, (path, name, contents) in enumerate(self._segments):
            # What a later segment begins with was written anew there.
            until = min((s[2].first - 1 for s in self._segments[at + 1 :]), default=self.last)
            if contents.last <= after or contents.first > until:
                continue
            with path.open("rb") as file:
                for first, last, block in blocks(name, file):
                    if last > after and first <= until and block.schema_id in self._schemas:
                        yield first, last, block
                        after = last

    def _missing(self, first: int, last: int) -> Iterator[pb.Block]:
        known = min(last, self.hello.acked)
        for begin, end, cause in (
            (first, known, OTHER_JOURNAL),
            (max(first, known + 1), last, _UNREADABLE),
        ):
            if begin <= end:
                yield gap_block(self.hello, Gap(begin, end, cause))


def survey(folder: Path) -> list[Survey]:
    """Each segment in `folder`, by process, incarnation and number; changes nothing.

    A folder that is not there holds none. A segment that cannot be read at all
    is one of no records, with the problem.

    Raises:
        OSError: the folder cannot be read.
    """
    found = []
    for named in _by_writer(folder).values():
        live = _live(named)
        for path, name in named:
            with contextlib.suppress(FileNotFoundError):
                found += [] if name.unfinished else [_survey(path, name, live)]
    return found


def orphans(folder: Path, skip: Container[int] = ()) -> list[Orphan]:
    """The incarnations in `folder` whose writer is gone; each is locked until it ends.

    Args:
        folder: a spool; one that is not there holds none.
        skip: incarnations to leave alone.

    Raises:
        OSError: the folder cannot be read.
    """
    found = []
    for incarnation, named in _by_writer(folder).items():
        if incarnation in skip:
            continue
        with contextlib.suppress(OSError):  # of these files; the next scan meets them again
            orphan = _orphan(named)
            if orphan is not None:
                found.append(orphan)
    return found


_Named = list[tuple[Path, SegmentName]]


def _by_writer(folder: Path) -> dict[int, _Named]:
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return {}
    found: dict[int, _Named] = {}
    named = [(name, path) for path in paths if (name := SegmentName.of(path)) is not None]
    for name, path in sorted(named):
        found.setdefault(name.incarnation, []).append((path, name))
    return found


def _orphan(named: _Named) -> Orphan | None:
    hold = Hold([path for path, _ in named])
    try:
        if hold.gone(_header(named)):
            found = [
                (path, name, _scanned(path, name)) for path, name in named if not name.unfinished
            ]
            return Orphan(hold, named[0][1], found)
    except BaseException:
        hold.release()
        raise
    hold.release()
    return None


def _live(named: _Named) -> bool:
    try:
        hold = Hold([path for path, _ in named])
    except OSError:
        return False
    try:
        return not hold.gone(_header(named))
    finally:
        hold.release()


def _survey(path: Path, name: SegmentName, live: bool) -> Survey:
    try:
        contents = _scanned(path, name)
    except FileNotFoundError:
        raise
    except OSError as error:
        contents = Contents(problems=[f"it cannot be read ({error.strerror})"])
    return Survey(
        path=path,
        hello=_writer(name, contents.hellos),
        first=contents.first,
        last=contents.last,
        cut=contents.cut,
        live=live,
        records=contents.records,
        lost=tuple(contents.lost),
        problems=tuple(contents.problems),
    )


def _scanned(path: Path, name: SegmentName) -> Contents:
    with path.open("rb") as file:
        return scan(name, file)


def _header(named: _Named) -> pb.Hello:
    """The newest header that can be read; else what the file names say."""
    for path, name in reversed(named):
        with contextlib.suppress(OSError), path.open("rb") as file:
            hello = read_header(file)
            if hello is not None and hello.incarnation == name.incarnation:
                return hello
    return _writer(named[0][1], [])


def _writer(name: SegmentName, hellos: list[pb.Hello]) -> pb.Hello:
    """What all `hellos` of one writer say together; the last word counts."""
    writer = pb.Hello(process=name.process, incarnation=name.incarnation)
    acked = 0
    for hello in hellos:
        if hello.incarnation == name.incarnation:
            acked = max(acked, hello.acked)
            # Merging keeps an earlier job_id where a later one is not set.
            del writer.features[:]
            writer.MergeFrom(hello)
    writer.acked = acked
    return writer

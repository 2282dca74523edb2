"""What became of every record of a run, from its folder alone: made = stored + declared lost.

What was made is acknowledged (stored, or declared lost with a cause), or still in a
spool, or unaccounted. Of the stored ones some are superseded: in rows that a newer
attempt took the place of.
"""

import collections
import contextlib
import dataclasses
import socket
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.spoolfile import Survey, survey
from .core.attempts import Attempt, Attempts
from .core.member import ENDED
from .fencefile import holder
from .journal import Journal, Loss
from .journalplace import found_journal
from .ranges import Range, count, subtract
from .reading import Reading, is_live, reading
from .restart import read_member

_ALL = 1 << 62


@dataclasses.dataclass(frozen=True, slots=True)
class Spooled:
    """Records first..last that are still in a spool.

    Attributes:
        path: its file; its folder if that is out of reach; None: memory.
        live: its writer is there.
    """

    path: Path | None
    host: str
    first: int
    last: int
    live: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Life:
    """The account of one incarnation.

    Attributes:
        process: its index.
        host: where it ran; "": not known.
        incarnation: its random id.
        attempt: the number of the newest attempt of its job; 0: none is known.
        made: the greatest sequence number that is known.
        acked: up to here all is stored or declared lost.
        stored: how many were stored.
        superseded: of the stored ones, in rows that a newer attempt took the place of.
        lost: what was declared lost.
        spooled: what is still in a spool.
        unaccounted: numbers that are nowhere, as (first, last).
        spool: the folder that it spooled into; "": memory.
    """

    process: int
    host: str
    incarnation: int
    attempt: int
    made: int
    acked: int
    stored: int
    superseded: int = 0
    lost: tuple[Loss, ...] = ()
    spooled: tuple[Spooled, ...] = ()
    unaccounted: tuple[Range, ...] = ()
    spool: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """The account of a run.

    Attributes:
        run: its folder.
        live: a coordinator is writing it, so that numbers grow.
        lives: every incarnation, by process and start.
        problems: what is damaged or missing, in words.
        notes: what else is worth saying.
    """

    run: Path
    live: bool
    lives: tuple[Life, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every record is accounted for and nothing is damaged."""
        return not self.problems and not any(life.unaccounted for life in self.lives)


def audit(run: Path) -> Audit:
    """Accounts for every record of a run, live or not; changes nothing.

    Args:
        run: its folder.

    Raises:
        JournalError: there is no journal, or nothing of it can be read.
    """
    with _opened(run) as found:
        journal, folder = found.journal, found.folder
        # What was made is read before the spools, what is stored after them: a
        # record that moves on meanwhile is seen in one of both.
        made = _greatest(journal.made(), journal.acks())
        spools = _spools(folder, journal)
        there = _there(folder, journal) if found.live else set()
        lives = _Lives(journal, spools, there).all(made)
        problems = [*found.problems, *_missing_items(journal), *_unread(spools, journal.acks())]
        notes = (*found.notes, *_kept(found_journal(run).parent))
        return Audit(folder, found.live, tuple(lives), tuple(problems), notes)


@contextlib.contextmanager
def _opened(run: Path) -> Iterator[Reading]:
    """The journal, or an empty one where there are only spools yet."""
    if found_journal(run).exists() or not survey(run / "spool"):
        with reading(run, thorough=True) as found:
            yield found
    else:
        with contextlib.closing(Journal(None)) as journal:
            note = "there is no journal: no coordinator has opened this run yet, or it was deleted"
            yield Reading(journal, run, is_live(run), notes=(note,))


class _Lives:
    """The accounts of all incarnations, after the spools were looked at."""

    def __init__(self, journal: Journal, spools: Iterable[Survey], there: Container[int]) -> None:
        self._there = there
        self._acks = journal.acks()
        self._losses: dict[int, list[Loss]] = collections.defaultdict(list)
        for loss in journal.losses():
            self._losses[loss.incarnation].append(loss)
        self._spools: dict[int, list[Survey]] = collections.defaultdict(list)
        for each in spools:
            self._spools[each.hello.incarnation].append(each)
        self._attempts = journal.attempts()
        self._superseded = _superseded(journal, self._attempts)
        self._hellos = {h.incarnation: h for h in journal.processes()}

    def all(self, made: Mapping[int, int]) -> list[Life]:
        """Every incarnation that anything is known of, by process and start."""
        for incarnation, found in self._spools.items():
            self._hellos.setdefault(incarnation, found[0].hello)
        nameless = self._acks.keys() | made.keys() | self._losses.keys()
        for incarnation in nameless - self._hellos.keys():
            self._hellos[incarnation] = pb.Hello(incarnation=incarnation)
        hellos = sorted(self._hellos.values(), key=lambda h: (h.process, h.started, h.incarnation))
        newest = {(_job(hello), hello.process): hello.incarnation for hello in hellos}
        return [
            self._life(
                hello,
                made.get(hello.incarnation, 0),
                newest[_job(hello), hello.process] == hello.incarnation,
            )
            for hello in hellos
        ]

    def _life(self, hello: pb.Hello, made: int, is_newest: bool) -> Life:
        incarnation = hello.incarnation
        acked, losses = self._acks.get(incarnation, 0), self._losses[incarnation]
        spooled = [
            Spooled(s.path, hello.host, max(s.first, acked + 1), s.last, s.live)
            for s in self._spools[incarnation]
            if s.last > acked
        ]
        made = max([made, acked, *(each.last for each in spooled)])
        numbers = [a.number for a in self._attempts if a.job_id == _job(hello)]
        rest = subtract((acked + 1, made), [(each.first, each.last) for each in spooled])
        if incarnation in self._there:
            path = Path(hello.spool) if hello.spool else None
            spooled += [Spooled(path, hello.host, *each, live=True) for each in rest]
            rest = []
        return Life(
            process=hello.process,
            host=hello.host,
            incarnation=incarnation,
            attempt=numbers[-1] if numbers else 0,
            made=made,
            acked=acked,
            stored=acked - count((loss.first, min(loss.last, acked)) for loss in losses),
            superseded=sum(self._superseded[n, hello.process] for n in numbers) * is_newest,
            lost=tuple(losses),
            spooled=tuple(spooled),
            unaccounted=tuple(rest),
            spool=hello.spool,
        )


def _there(folder: Path, journal: Journal) -> set[int]:
    """Incarnations that send what they have to the coordinator of a live run."""
    who = holder(folder)
    if who is None:
        return set()
    members = [read_member(text, 0.0) for text in journal.members(who.job_id).values()]
    ended = {member.incarnation for member in members if member.state in ENDED}
    ours = [hello for hello in journal.processes() if hello.job_id == who.job_id]
    return set({hello.process: hello.incarnation for hello in ours}.values()) - ended


def _job(hello: pb.Hello) -> str:
    """The life of the job that an incarnation's attempts are of."""
    return hello.job_id or f"incarnation-{hello.incarnation:x}"


def _greatest(*numbers: Mapping[int, int]) -> dict[int, int]:
    return {key: max(n.get(key, 0) for n in numbers) for key in set().union(*numbers)}


def _superseded(journal: Journal, known: list[Attempt]) -> collections.Counter[tuple[int, int]]:
    """How many records of each (attempt, process) are in rows that a newer attempt replaced."""
    found: collections.Counter[tuple[int, int]] = collections.Counter()
    attempts = Attempts(known)
    for attempt in known[:-1]:
        for key, _, processes in journal.given_rows(attempt.number, _ALL):
            if attempts.superseded(key, journal.has_row):
                found.update((attempt.number, process) for process in processes)
    return found


def _spools(folder: Path, journal: Journal) -> list[Survey]:
    """The spools of this run that can be reached from here."""
    here, name = socket.gethostname(), journal.meta("run_id")
    known = {hello.incarnation: hello for hello in journal.processes()}
    own = (folder / "spool").resolve()
    folders = {Path(h.spool).resolve() for h in known.values() if h.spool and h.host == here}
    return [
        each
        for where in sorted({own, *folders})
        for each in survey(where)
        if (name is None or each.hello.run_id in ("", name))
        and (where == own or each.hello.run_id or each.hello.incarnation in known)
    ]


def _missing_items(journal: Journal) -> Iterable[str]:
    """Rows, events and configs have one numbering: a hole in it is a loss."""
    missing = journal.missing_items()
    if missing:
        some = ", ".join(f"{first} to {last}" for first, last in missing[:8])
        more = ", …" if len(missing) > 8 else ""
        yield f"{count(missing)} rows, events or configs are missing (numbers {some}{more})"


def _unread(spools: Iterable[Survey], acks: Mapping[int, int]) -> Iterable[str]:
    """What cannot be read in spools whose records are needed."""
    for each in spools:
        if each.last > acks.get(each.hello.incarnation, 0) or not each.last:
            yield from (f"spool {each.path.name}: {problem}" for problem in each.problems)


def _kept(folder: Path) -> Iterable[str]:
    for path in sorted(folder.glob("journal.sqlite.damaged-*")):
        if not path.name.endswith(("-wal", "-sums")):
            yield f"{path.name} is a damaged journal, kept from when this one was made of it"

"""How a job stands, from its run's folder alone: what its coordinator wrote, else its journal."""

import contextlib
import dataclasses
import time
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.errors import JournalError, WireError
from .chapters import NO_VERDICT, recall
from .core.attempts import Attempt
from .core.member import ENDED, Member, State
from .feeds import OUTPUT, Standing
from .fencefile import Holder, holder
from .journal import Journal
from .messages import verdict_message
from .reading import is_live, reading
from .restart import read_member
from .snapshot import tool_views, unfinished
from .snapshotjson import from_json
from .watchfile import NAME

OLD_S = 10.0
"""``watch.json`` of a coordinator that can write is never so old."""

_ENDED = frozenset(state.value for state in ENDED)


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a job has found.

    Attributes:
        snapshot: how it stands; settled: nothing will change any more.
        notes: what is to be said about the look itself.
    """

    snapshot: pb.Snapshot
    notes: tuple[str, ...] = ()


def look_at_folder(run: Path) -> Seen:
    """How the newest job of a run stands; changes nothing.

    A run whose coordinator died is lost once its lease has expired: until then
    another one may take its place.

    Args:
        run: folder of the run.

    Raises:
        JournalError: there is no run, or nothing of it can be read.
    """
    try:
        return _look(run)
    except OSError as error:
        raise JournalError(f"{run} cannot be read ({error.strerror})") from error


def _look(run: Path) -> Seen:
    who, now = holder(run), time.time()
    live = is_live(run)
    written = _written(run, who)
    if written is not None and live:
        age = now - written.time
        _grow_old(written, age)
        notes = (f"no news for {age:.0f} s",) if age > OLD_S + len(written.members) / 500 else ()
        return Seen(written, notes)
    if who is not None and not live and who.expires > now:
        note = (
            f"its coordinator is gone; another may take its place within {who.expires - now:.0f} s"
        )
        return Seen(written or _from_journal(run, who), (note,))
    found = _from_journal(run, who)
    if live:
        return Seen(found, ("its coordinator has not said yet how it stands",))
    return Seen(_over(found, written))


def _written(run: Path, who: Holder | None) -> pb.Snapshot | None:
    """What the coordinator that holds the run, or held it last, has written."""
    with contextlib.suppress(OSError, UnicodeDecodeError, WireError):
        snapshot = from_json((run / NAME).read_text())
        if who is not None and snapshot.job_id == who.job_id:
            return snapshot
    return None


def _grow_old(snapshot: pb.Snapshot, age: float) -> None:
    for member in snapshot.members:
        member.heard_s += max(0.0, age)
        member.idle_s += max(0.0, age)


def _over(found: pb.Snapshot, written: pb.Snapshot | None) -> pb.Snapshot:
    """The last view of a job that has no coordinator any more."""
    final = found.verdict.final
    if written is not None and not final:
        verdict = found.verdict
        found = written
        found.verdict.CopyFrom(verdict)
    found.settled = True
    found.stop = ""
    if final:
        return found
    found.verdict.status, found.verdict.root_cause = "lost", NO_VERDICT
    del found.verdict.waiting_for[:]
    for member in found.members:
        member.connected = False
        if member.state not in _ENDED:
            member.state, member.reason = State.LOST.value, "its coordinator is gone"
    return found


def _from_journal(run: Path, who: Holder | None) -> pb.Snapshot:
    """What the journal knows of the newest job.

    Raises:
        JournalError: there is none, or it cannot be read.
    """
    try:
        with reading(run) as opened, opened.journal.snapshot():
            return _read(opened.journal, run, who)
    except JournalError:
        if who is None:
            raise
        snapshot = pb.Snapshot(log_path=str(run.absolute()), job_id=who.job_id, time=time.time())
        snapshot.verdict.CopyFrom(unfinished(()))
        return snapshot


def _read(journal: Journal, run: Path, who: Holder | None) -> pb.Snapshot:
    attempts = journal.attempts()
    job_id = who.job_id if who is not None else journal.meta("job") or _newest(attempts)
    ours = [attempt for attempt in attempts if attempt.job_id == job_id]
    chapter, given = recall(journal, job_id)
    last_id, step = journal.last_id(), journal.last_step(job_id) or 0
    cursors = {name: taken for name, taken in journal.cursors().items() if name != OUTPUT}
    verdict = unfinished(())
    if given is not None:
        verdict = verdict_message(given).verdict
    verdict.chapter = chapter
    return pb.Snapshot(
        run_id=journal.meta("run_id") or "",
        log_path=str(run.absolute()),
        job_id=job_id,
        attempt=max((attempt.number for attempt in ours), default=0),
        time=time.time(),
        members=_members(journal, job_id, ours, step),
        tools=tool_views(
            Standing(name, max(0, last_id - taken.id), "", 0) for name, taken in cursors.items()
        ),
        step_min=step,
        step_max=step,
        verdict=verdict,
        rows=journal.count_rows(job_id),
    )


def _newest(attempts: list[Attempt]) -> str:
    return attempts[-1].job_id if attempts else ""


def _members(
    journal: Journal, job_id: str, attempts: list[Attempt], step: int
) -> list[pb.MemberView]:
    """One view a process; the journal does not know how far each of them was."""
    kept = {p: read_member(text, 0.0) for p, text in journal.members(job_id).items() if text}
    count = max((attempt.processes for attempt in attempts), default=0)
    views = []
    for process in sorted(kept.keys() | set(range(count))):
        member = kept.get(process, Member(process, State.JOINING, 0.0))
        views.append(
            pb.MemberView(
                process=process,
                host=member.host,
                state=member.state.value,
                status=member.status,
                reason=member.reason,
                step=step if member.incarnation else 0,
            )
        )
    return views

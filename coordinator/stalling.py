"""Processes that are silent for too long: told once, with what they are at."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.records import Event
from ..proto.words import named
from .collapse import named_all
from .core.member import OVER, Change, Member, State
from .core.members import Members
from .jobsetting import JobSetting
from .journal import Journal
from .messages import one_line
from .streams import Outbox, Stream

_log = logging.getLogger(__name__)

MOST_BYTES = 256 << 10
MOST_STACKS = 100
"""Of one process; what it sends beyond that is dropped."""


class Stalling:
    """Names who stalls and who only waits, and asks both for their stacks.

    Who was named is told to go on, once: as soon as it calls again, be it
    after a broken link or a restart of the coordinator. An end is told as such.

    Owned by the state thread; all but `committed` belongs into a transaction.

    Args:
        members: know who stalls.
        outbox: takes the questions.
        on_event: takes an event about a process.
        folder: of the run, where stacks are written as files; None: nowhere.
        journal: keeps who was named.
        job_id: the life of the job.
    """

    def __init__(
        self,
        members: Members,
        outbox: Outbox,
        on_event: Callable[[Event, int], None],
        folder: Path | None,
        journal: Journal,
        job_id: str,
    ) -> None:
        self._members = members
        self._outbox = outbox
        self._on_event = on_event
        self._folder = None if folder is None else folder / "stacks"
        self._setting = JobSetting(journal, "stalled", job_id)
        self._named: dict[int, float] = {
            p: members.member(p).since for p in self._setting.read() or ()
        }
        self._culprit: int | None = None
        self._stacks: dict[int, int] = {}
        self._files: list[tuple[Path, str]] = []

    def changed(self, changes: Iterable[Change]) -> None:
        """Processes stall, go on, or end."""
        fresh = []
        for change in changes:
            if change.after is State.STALLED:
                fresh.append(change)
            elif (change.before, change.after) == (State.STALLED, State.RUNNING):
                self._goes_on(change.process)
            elif change.after in OVER:
                self._clear(change.process)
        if fresh:
            self._stalled(fresh)

    def heard(self, process: int) -> None:
        """A heartbeat came: of one that was away since it was named, too."""
        named = self._named.get(process)
        if named is None:
            return
        member = self._members.member(process)
        if member.state is State.RUNNING and member.called > named:
            self._goes_on(process)

    def behind(self, now: float) -> None:
        """Tells of those that have not come to where all others are."""
        for process, text in self._members.behind(now):
            self._on_event(Event("behind", text), process)

    def took(self, stream: Stream, message: pb.Stacks) -> None:
        """The stacks of a process came."""
        process = stream.hello.process
        number = self._stacks[process] = self._stacks.get(process, 0) + 1
        if number > MOST_STACKS:
            return
        text, frame = message.text[:MOST_BYTES], one_line(message.frame)
        member = self._members.member(process)
        who, where = named(process, member.host), frame or "an unknown place"
        line = f"{who} is at {where}{self._why(member)}"
        fields = {"frame": frame, "stacks": text}
        self._on_event(Event("stacks", line, host=member.host, fields=fields), process)
        if self._folder is not None:
            path = self._folder / f"process-{process}-{self._free(process)}.txt"
            self._files.append((path, f"{line}\n\n{text}\n"))

    def committed(self) -> None:
        """Writes the files of stacks that the journal has."""
        files, self._files = self._files, []
        for path, text in files:
            try:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, errors="backslashreplace")
            except OSError as error:
                _log.warning("%s cannot be written: %s", path, error)

    def _stalled(self, fresh: Iterable[Change]) -> None:
        culprit, sign = self._members.culprit(), self._members.first_sign()
        if culprit is None and sign is not None:
            culprit = sign.process
        if culprit is not None:
            self._culprit = culprit
            self._tell_of(self._members.member(culprit))
        for change in fresh:
            ask = pb.StackRequest(reason=self._members.member(change.process).reason)
            self._outbox.tell_process(change.process, pb.CoordinatorMessage(stack_request=ask))

    def _tell_of(self, member: Member) -> None:
        if member.process in self._named:
            return
        self._named[member.process] = member.since
        self._remember()
        stands = "is stalled" if member.state is State.STALLED else f"is {member.state.value}"
        text = f"{named(member.process, member.host)} {stands}: {member.reason}{self._why(member)}"
        event = Event("stalled", text, host=member.host, fields={"reason": member.reason})
        self._on_event(event, member.process)

    def _goes_on(self, process: int) -> None:
        if self._clear(process):
            name = named(process, self._members.member(process).host)
            self._on_event(Event("goes_on", f"{name} goes on"), process)

    def _clear(self, process: int) -> bool:
        """Nobody waits for it any more; whether it was named."""
        if process == self._culprit:
            self._culprit = None
        if self._named.pop(process, None) is None:
            return False
        self._remember()
        return True

    def _remember(self) -> None:
        self._setting.write(sorted(self._named))

    def _why(self, member: Member) -> str:
        """Who waits for it, or whom it waits for."""
        if member.process != self._culprit:
            return f", {member.reason}" if member.state is State.STALLED else ""
        waiting = [p for p in self._members.stalled() if p != member.process]
        if not waiting:
            return ""
        return f"; {named_all(waiting)} wait{'s' * (len(waiting) == 1)} for it"

    def _free(self, process: int) -> int:
        """The number of the next file of a process, behind those of earlier coordinators."""
        assert self._folder is not None
        begins = f"process-{process}-"
        known = [path for path, _ in self._files if path.name.startswith(begins)]
        return len(list(self._folder.glob(f"{begins}*.txt"))) + len(known) + 1

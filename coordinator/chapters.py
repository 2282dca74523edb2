"""The chapters of a run: each ends with one final verdict, told once and for good."""

import dataclasses
import json
import logging

from ..proto.records import Event, Verdict
from .journal import Journal
from .lives import Lives
from .notes import Notes

NO_VERDICT = "its coordinator ended without a verdict"

_OPEN = "chapter"
_JOB = "job"
_TOLD = "verdict_told"


@dataclasses.dataclass(frozen=True, slots=True)
class _Told:
    """The verdict whose event was stored last; `line`: it is in ``output.log``, too."""

    job_id: str = ""
    chapter: int = 0
    status: str = ""
    root_cause: str = ""
    line: bool = True

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.status, True, (), self.root_cause, self.chapter)


class Chapters:
    """Where the job is in its chapters. Owned by the state thread.

    What a verdict says is fixed by its event, which tools take before they
    are told the end; its line waits until the chapter is over.

    Args:
        journal: keeps verdicts, and which chapter is open.
        notes: takes the event and the line of a verdict.
        lives: the attempts of each job.
        job_id: the present life of the job.

    Attributes:
        number: of the chapter that is open, or was the last.
        given: its final verdict, if it was given.
    """

    def __init__(self, journal: Journal, notes: Notes, lives: Lives, job_id: str) -> None:
        self._journal = journal
        self._notes = notes
        self._lives = lives
        self._job_id = job_id
        self.number, self.given = recall(journal, job_id)
        self._told = _read(journal.meta(_TOLD))

    def begin(self) -> None:
        """The run is open: an earlier job that has no final verdict gets one."""
        older = self._journal.meta(_JOB)
        if older == self._job_id:
            return
        if older is not None:
            chapter, given = recall(self._journal, older)
            if given is None:
                if self._fixed_of(older, chapter) is None:
                    self._announce(Verdict("lost", True, (), NO_VERDICT, chapter), older)
                self._journal.set_verdict(self._told.verdict, older)
                self.number = chapter + 1
            self.close()
        self._journal.set_meta(_JOB, self._job_id)

    def announce(self, verdict: Verdict) -> Verdict:
        """Fixes the chapter's final verdict and stores its event; returns what was fixed."""
        if self._fixed is None:
            self._announce(verdict, self._job_id)
        return self._told.verdict

    def give(self, verdict: Verdict) -> Verdict | None:
        """Commits the chapter's final verdict; None if there is none, or it was given."""
        if self.given is not None or not (verdict.final or self._fixed):
            return None
        self.given = self.announce(verdict)
        self._journal.set_verdict(self.given, self._job_id)
        return self.given

    def close(self) -> None:
        """The chapter is over: its verdict becomes the last line of ``output.log``."""
        if not self._told.line:
            told = self._told
            level = logging.INFO if told.status == "success" else logging.WARNING
            self._notes.line(verdict_line(told.verdict), level=level)
            self._remember(dataclasses.replace(told, line=True))

    def next(self) -> None:
        """Something comes after a final verdict: it opens the next chapter."""
        if self.given is None and self._fixed is None:
            return
        if self.given is None:
            self._journal.set_verdict(self._told.verdict, self._job_id)
        self.close()
        self.given = None
        self.number += 1
        self._journal.set_meta(_OPEN, f"{self._job_id} {self.number}")

    @property
    def succeeded(self) -> bool:
        """Whether the chapter is over, with success."""
        return self.given is not None and self.given.status == "success"

    @property
    def _fixed(self) -> Verdict | None:
        """The open chapter's verdict, if its event is stored."""
        return self._fixed_of(self._job_id, self.number)

    def _fixed_of(self, job_id: str, chapter: int) -> Verdict | None:
        told = self._told
        return told.verdict if (told.job_id, told.chapter) == (job_id, chapter) else None

    def _announce(self, verdict: Verdict, job_id: str) -> None:
        self.close()
        found = _Told(job_id, verdict.chapter, verdict.status, verdict.root_cause, line=False)
        self._remember(found)
        fields = {"status": verdict.status, "root_cause": verdict.root_cause}
        event = Event("verdict", verdict_line(verdict), fields=fields)
        attempt = max(self._lives.of(job_id), default=0)
        self._notes.event(event, attempt=attempt, line=False)

    def _remember(self, told: _Told) -> None:
        self._told = told
        self._journal.set_meta(_TOLD, json.dumps(dataclasses.asdict(told)))


def verdict_line(verdict: Verdict) -> str:
    """A final verdict as people read it; the root cause begins with a status of its own."""
    cause = f": {verdict.root_cause}" if verdict.root_cause else ""
    return f"verdict: {verdict.status}{cause}"


def _read(text: str | None) -> _Told:
    return _Told() if text is None else _Told(**json.loads(text))


def recall(journal: Journal, job_id: str) -> tuple[int, Verdict | None]:
    """The number of the chapter that is open, and its final verdict if it was given.

    Another job's last chapter is over. Of this job's, the setting says whether
    something came after it.
    """
    last = journal.verdict()
    if last is None:
        return 1, None
    following = last.chapter + 1
    if journal.verdict_job() != job_id:
        return following, None
    if journal.meta(_OPEN) == f"{job_id} {following}":
        return following, None
    return last.chapter, last

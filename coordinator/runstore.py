"""The journal's tables about the run itself: settings, processes, attempts, verdicts."""

import json
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.records import Verdict
from .core.attempts import Attempt
from .core.ingest import Loss
from .database import Database, require, signed, unsigned


class RunStore:
    """Base of `Journal`: what the run is, who took part, what was lost, how it ended."""

    _db: Database

    def meta(self, key: str) -> str | None:
        """A setting of the run, e.g. ``run_id``."""
        found = self._db.execute("SELECT * FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(require(f"setting {key}", "meta", found)[1])

    def set_meta(self, key: str, value: str) -> None:
        """Sets a setting of the run."""
        self._db.put("meta", key, value)

    # ---------------------------------------------------------- processes

    def add_process(self, hello: pb.Hello) -> None:
        """Remembers an incarnation; its newest Hello counts."""
        data = hello.SerializeToString()
        self._db.put("processes", signed(hello.incarnation), hello.process, data)

    def processes(self) -> list[pb.Hello]:
        """All incarnations that ever joined, by process and start."""
        found = self._db.execute("SELECT * FROM processes")
        hellos = [
            pb.Hello.FromString(require(f"process {row[1]}", "processes", row)[2]) for row in found
        ]
        return sorted(hellos, key=lambda hello: (hello.process, hello.started))

    def set_made(self, incarnation: int, made: int) -> None:
        """An incarnation says which sequence number it gave last; the greatest counts."""
        key = signed(incarnation)
        found = self._db.execute("SELECT made FROM made WHERE incarnation = ?", (key,)).fetchone()
        if found is None or found[0] < made:
            self._db.put("made", key, made)

    def made(self) -> dict[int, int]:
        """For each incarnation the greatest sequence number that it said it gave."""
        rows = self._db.execute("SELECT * FROM made")
        return {unsigned(i): made for i, made, _ in (require("a count", "made", r) for r in rows)}

    def set_member(self, job_id: str, process: int, text: str) -> None:
        """Keeps what is known of a process in a life of the job."""
        self._db.put("members", job_id, process, text)

    def members(self, job_id: str) -> dict[int, str]:
        """What `set_member` was told last, by process."""
        rows = self._db.execute("SELECT * FROM members WHERE job_id = ?", (job_id,))
        checked = (require(f"member {row[1]}", "members", row) for row in rows)
        return {process: text for _, process, text, _ in checked}

    # ------------------------------------------------------------- losses

    def add_loss(self, incarnation: int, first: int, last: int, cause: str) -> None:
        """Declares records `first` to `last` of an incarnation lost; none was stored before."""
        self._db.put("losses", signed(incarnation), first, last, cause)

    def losses(self) -> list[Loss]:
        """All that was declared lost, by incarnation and number."""
        rows = self._db.execute("SELECT * FROM losses ORDER BY incarnation, first, last")
        checked = (require("a loss", "losses", row) for row in rows)
        return [Loss(unsigned(i), first, last, cause) for i, first, last, cause, _ in checked]

    # ----------------------------------------------------------- attempts

    def add_attempt(
        self,
        job_id: str,
        restores: int,
        started: float,
        restored_at: int | None = None,
        processes: int = 0,
    ) -> int:
        """The number of attempt (`job_id`, `restores`), given at its first mention.

        Of the steps it was `restored_at` the lowest one told counts, of
        `processes` the first that is not 0.
        """
        known = self._db.execute(
            "SELECT * FROM attempts WHERE job_id = ? AND restores = ?", (job_id, restores)
        ).fetchone()
        if known is None:
            (last,) = self._db.execute("SELECT coalesce(max(number), 0) FROM attempts").fetchone()
            fresh = (last + 1, job_id, restores, float(started), restored_at, processes)
        else:
            number, _, _, began, at, count, _ = require(f"attempt {known[0]}", "attempts", known)
            told = [step for step in (at, restored_at) if step is not None]
            fresh = (number, job_id, restores, began, min(told, default=None), count or processes)
        if known is None or known[:-1] != fresh:
            self._db.put("attempts", *fresh)
        return int(fresh[0])

    def attempts(self) -> list[Attempt]:
        """All attempts, oldest first."""
        attempts = []
        for row in self._db.execute("SELECT * FROM attempts"):
            number, job_id, restores, started, restored_at, processes, _ = require(
                f"attempt {row[0]}", "attempts", row
            )
            attempts.append(Attempt(number, job_id, started, restores, restored_at, processes))
        return sorted(attempts, key=lambda attempt: attempt.age)

    # ------------------------------------------------------------ verdict

    def verdict(self) -> Verdict | None:
        """The verdict of the last chapter that has one."""
        found = self._verdict()
        if found is None:
            return None
        chapter, status, final, waiting_for, root_cause, *_ = found
        return Verdict(status, bool(final), tuple(json.loads(waiting_for)), root_cause, chapter)

    def verdict_job(self) -> str:
        """The life of the job that the newest verdict is of; "" if there is none."""
        found = self._verdict()
        return "" if found is None else str(found[5])

    def set_verdict(self, verdict: Verdict, job_id: str = "") -> None:
        """Stores the verdict of its chapter, reached in a life of the job."""
        waiting_for = json.dumps(verdict.waiting_for)
        self._db.put(
            "verdicts",
            verdict.chapter,
            verdict.status,
            int(verdict.final),
            waiting_for,
            verdict.root_cause,
            job_id,
        )

    def _verdict(self) -> tuple[Any, ...] | None:
        found = self._db.execute("SELECT * FROM verdicts ORDER BY chapter DESC LIMIT 1").fetchone()
        return None if found is None else require("the verdict", "verdicts", found)

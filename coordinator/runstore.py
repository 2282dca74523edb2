"""The journal's tables about the run itself: settings, processes, attempts, verdicts."""

import json

from ..proto import podlog_pb2 as pb
from ..proto.records import Verdict
from .core.attempts import Attempt
from .database import Database, seal, signed, unseal


class RunStore:
    """Base of `Journal`: what the run is, who took part, how it ended."""

    _db: Database

    def meta(self, key: str) -> str | None:
        """A setting of the run, e.g. ``run_id``."""
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def set_meta(self, key: str, value: str) -> None:
        """Sets a setting of the run."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def add_process(self, hello: pb.Hello) -> None:
        """Remembers an incarnation; its newest Hello counts."""
        self._db.execute(
            "INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?)",
            (signed(hello.incarnation), hello.process, *seal(hello.SerializeToString())),
        )

    def processes(self) -> list[pb.Hello]:
        """All incarnations that ever joined, by process and start."""
        found = self._db.execute("SELECT process, data, crc FROM processes")
        hellos = [pb.Hello.FromString(unseal(f"process {p}", d, c)) for p, d, c in found]
        return sorted(hellos, key=lambda hello: (hello.process, hello.started))

    def add_attempt(
        self, job_id: str, restores: int, started: float, restored_at: int | None = None
    ) -> int:
        """The number of attempt (`job_id`, `restores`), given at its first mention.

        Of the steps it was `restored_at` the lowest one told counts.
        """
        self._db.execute(
            "INSERT INTO attempts (job_id, restores, started, restored_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (job_id, restores) DO UPDATE SET restored_at ="
            " coalesce(min(excluded.restored_at, restored_at), excluded.restored_at, restored_at)",
            (job_id, restores, started, restored_at),
        )
        found = self._db.execute(
            "SELECT number FROM attempts WHERE job_id = ? AND restores = ?", (job_id, restores)
        )
        return int(found.fetchone()[0])

    def attempts(self) -> list[Attempt]:
        """All attempts, oldest first."""
        found = self._db.execute(
            "SELECT number, job_id, started, restores, restored_at FROM attempts"
        )
        return sorted((Attempt(*values) for values in found), key=lambda attempt: attempt.age)

    def verdict(self) -> Verdict | None:
        """The verdict of the last chapter that has one."""
        found = self._db.execute(
            "SELECT status, final, waiting_for, root_cause, chapter FROM verdicts"
            " ORDER BY chapter DESC LIMIT 1"
        ).fetchone()
        if found is None:
            return None
        status, final, waiting_for, root_cause, chapter = found
        return Verdict(status, bool(final), tuple(json.loads(waiting_for)), root_cause, chapter)

    def set_verdict(self, verdict: Verdict) -> None:
        """Stores the verdict of its chapter."""
        waiting_for = json.dumps(verdict.waiting_for)
        self._db.execute(
            "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)",
            (verdict.chapter, verdict.status, verdict.final, waiting_for, verdict.root_cause),
        )

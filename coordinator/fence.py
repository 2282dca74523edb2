"""One coordinator a run: the lock on ``log_path`` and the lease that others read.

``coordinator.lock`` is held with flock for as long as the coordinator lives, so
a killed one frees it at once. ``coordinator.json`` says who holds it and until
when; it decides where another host is concerned, since not every network file
system carries locks from host to host.
"""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
from pathlib import Path

from ..proto.errors import JournalError

_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    """Who keeps the run, as ``coordinator.json`` says.

    Attributes:
        host, pid: where the coordinator runs.
        job_id: the life of the job that it serves.
        expires: wall clock until which others must believe that it lives.
    """

    host: str
    pid: int
    job_id: str
    expires: float


def holder(folder: Path) -> Holder | None:
    """Who holds the run in `folder`, or held it last without releasing it."""
    try:
        return Holder(**json.loads((folder / "coordinator.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


class Fence:
    """The lock on a run's folder. Not thread-safe: it has one owner.

    Args:
        folder: the run's ``log_path``; made if it is not there.
        host, job_id: who asks.
        lease_s: how long a holder that went silent on another host is believed.
        now: wall clock.

    Raises:
        JournalError: another coordinator holds it; the message names both.
    """

    def __init__(self, folder: Path, *, host: str, job_id: str, lease_s: float, now: float) -> None:
        self._folder = folder
        self._lease_s = lease_s
        self._host, self._job_id = host, job_id
        folder.mkdir(parents=True, exist_ok=True)
        self._lock: int | None = os.open(folder / "coordinator.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._acquire(now)
        except BaseException:
            self._unlock()
            raise

    def renew(self, now: float) -> None:
        """Says that this coordinator lives; call it well before `lease_s` is over.

        Raises:
            OSError: the folder cannot be written now; worth another try.
        """
        me = Holder(self._host, os.getpid(), self._job_id, now + self._lease_s)
        text = json.dumps(dataclasses.asdict(me))
        fresh = self._folder / f"coordinator.json.{me.pid}"
        fresh.write_text(text + "\n")
        fresh.replace(self._folder / "coordinator.json")

    def release(self) -> None:
        """Gives the run free; safe twice."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            (self._folder / "coordinator.json").unlink()
        self._unlock()

    def _acquire(self, now: float) -> None:
        assert self._lock is not None
        found = holder(self._folder)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(self._refusal(found)) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise JournalError(f"{self._folder} cannot be locked ({error})") from error
        if found is not None and found.host != self._host and found.expires > now:
            wait = f"; or wait {found.expires - now:.0f} s if that one is dead"
            raise JournalError(self._refusal(found) + wait)
        self.renew(now)

    def _refusal(self, found: Holder | None) -> str:
        other = "another coordinator"
        if found is not None:
            other = f"the coordinator of job {found.job_id} (pid {found.pid} on {found.host})"
        return (
            f"{self._folder} is held by {other}; job {self._job_id} on {self._host} cannot log"
            " there at the same time: end that job or choose another log_path"
        )

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

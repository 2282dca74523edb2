"""One coordinator a run: the lock on ``log_path``, the lease, and who waits for it.

``coordinator.lock`` is held with flock for as long as the coordinator lives, so
a killed one frees it at once on its own machine. ``coordinator.json`` says who
holds the run and until when to believe it: that decides where another machine
is concerned, or locks do not work at all. A successor writes itself, again and
again while it waits, to ``coordinator.next``::

    Claim.poll ──► coordinator.next ──► Fence.wanted        (of the older one)
         │                                   │ nobody connected: it ends
         ▼                                   ▼
       Fence  ◄───────────────────────── Fence.release
"""

import contextlib
import dataclasses
import errno
import fcntl
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

from ..proto.alive import alive, boot_id, start_time
from ..proto.errors import JournalError
from ..proto.logfile import NO_LOCKS
from .fencefile import Holder, Successor, holder, successor, write
from .lockfile import LockFile

FRESH_S = 3.0
"""A successor that wrote itself within this time still waits."""

_LOCK_NAME = "coordinator.lock"
_NO_LOCKS = NO_LOCKS | {errno.EINVAL}
_SETTLE_S = 0.5


class Fence:
    """A run's folder that this coordinator holds. Not thread-safe: it has one owner.

    Made by `Claim.poll`.

    Attributes:
        lost: another coordinator took the run, as it could not see that this
            one lives: nothing may be written any more.
    """

    def __init__(self, folder: Path, me: Holder, lease_s: float, lock: LockFile) -> None:
        self.lost = False
        self._folder = folder
        self._me = me
        self._lease_s = lease_s
        self._lock = lock
        self._next: Successor | None = None

    def renew(self, now: float) -> None:
        """Says until `now` (wall clock) + lease that this coordinator lives.

        Raises:
            OSError: the folder cannot be written now; worth another try.
        """
        found = holder(self._folder)
        self.lost = found is not None and not self._me.same(found)
        if not self.lost:
            expires = now + self._lease_s
            write(self._folder, dataclasses.replace(self._me, expires=expires))

    def keep(self) -> None:
        """Locks the run again if somebody deleted the lock's file; else another would take it."""
        if self._lock.fd < 0 or self._lock.there:
            return
        with contextlib.suppress(OSError):
            fresh = LockFile(self._folder / _LOCK_NAME)
            try:
                fcntl.flock(fresh.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                fresh.free()
                found = holder(self._folder)
                mine = found is not None and self._me.same(found)
                self.lost = self.lost or (isinstance(error, BlockingIOError) and not mine)
                return
            self._lock.free()
            self._lock = fresh
            self.renew(time.time())

    def wanted(self) -> str | None:
        """The job_id of a successor that waits for the run; look about once a second.

        One that died while it waited does not count: it wrote itself neither
        just now nor since the last look.
        """
        found = successor(self._folder)
        before, self._next = self._next, found
        if found is None or self._me.is_by(found.pid, found.boot, found.job_id):
            return None
        fresh = abs(time.time() - found.at) < FRESH_S or before not in (None, found)
        return found.job_id if fresh else None

    def release(self) -> None:
        """Gives the run free; safe twice."""
        found = holder(self._folder)
        if found is not None and self._me.same(found):
            with contextlib.suppress(OSError):
                (self._folder / "coordinator.json").unlink()
        self._lock.free()


class Claim:
    """Takes a run's folder once it is free. Not thread-safe: poll it a few times a second.

    An older coordinator ends when it sees the claim and nobody is connected to
    it. One that is dead is known by its lock or its pid on this machine, and by
    its lease on another.

    Args:
        folder: the run's ``log_path``; made if it is not there.
        job_id: the life of the job that asks.
        takeover_s: how long to wait; also the lease of the fence.
        host: the name of this machine, for messages.
        flock: `fcntl.flock`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        job_id: str,
        takeover_s: float,
        host: str = "",
        flock: Callable[[int, int], None] = fcntl.flock,
    ) -> None:
        name, pid = host or socket.gethostname(), os.getpid()
        started = start_time(pid)
        self._me = Holder(name, pid, job_id, 0.0, boot_id(), started, secrets.token_hex(4))
        self._folder = folder
        self._wait_s = takeover_s
        self._flock = flock
        self._began: float | None = None
        self._written: float | None = None
        self._seen: Holder | None = None
        self._changed = False

    def poll(self, now: float, wall: float) -> Fence | None:
        """Takes the run if it is free.

        Args:
            now: monotonic seconds.
            wall: seconds since the epoch.

        Returns:
            The fence; None: not yet.

        Raises:
            JournalError: after `takeover_s`: another coordinator holds it.
            OSError: the folder cannot be used.
        """
        self._began = now if self._began is None else self._began
        self._folder.mkdir(parents=True, exist_ok=True)
        lock, locked = self._try_lock()
        try:
            found = holder(self._folder)
            self._changed |= self._seen is not None and found != self._seen
            self._seen = found
            fence = self._take(found, lock, locked, now, wall)
        except BaseException:
            lock.free()
            raise
        if fence is None:
            lock.free()
            if not self.waits(now):
                self.withdraw()
                raise JournalError(self._refusal(found))
        return fence

    def waits(self, now: float) -> bool:
        """Whether there is time left at `now`."""
        return self._began is None or now - self._began < self._wait_s

    def withdraw(self) -> None:
        """Waits no more; safe twice."""
        found = successor(self._folder)
        if found is not None and found.id == self._me.id:
            with contextlib.suppress(OSError):
                (self._folder / "coordinator.next").unlink()

    def _take(
        self, found: Holder | None, lock: LockFile, locked: bool | None, now: float, wall: float
    ) -> Fence | None:
        """The fence if nobody else holds the run; else the older one is told.

        `locked` is None where locks do not work: then whoever finds itself in
        ``coordinator.json`` a while after it wrote itself there has won.
        """
        if found is None or not self._me.same(found):
            self._written = None
        if locked is False or (self._written is None and not self._gone(found, locked, now, wall)):
            me = self._me
            write(self._folder, Successor(me.host, me.pid, me.job_id, wall, me.boot, me.id))
            return None
        if self._written is None:
            write(self._folder, dataclasses.replace(self._me, expires=wall + self._wait_s))
            self._written = now
        if locked is None and now - self._written < _SETTLE_S:
            return None
        self.withdraw()
        return Fence(self._folder, self._me, self._wait_s, lock)

    def _gone(self, found: Holder | None, locked: bool | None, now: float, wall: float) -> bool:
        """Whether who held the run last is not there any more."""
        if found is None:
            return True
        here = bool(found.boot) and found.boot == self._me.boot
        if locked and (here or found.job_id == self._me.job_id):
            return True
        if here and not alive(found.pid, found.started):
            return True
        assert self._began is not None
        silent = not self._changed and now - self._began >= self._wait_s
        return silent or (found.expires < wall and self._stale())

    def _stale(self) -> bool:
        """Whether the lease is old by the clock of the folder's own server, too."""
        with contextlib.suppress(OSError):
            probe = self._folder / f"coordinator.{self._me.id}"
            probe.touch()
            written = (self._folder / "coordinator.json").stat().st_mtime
            age = probe.stat().st_mtime - written
            probe.unlink()
            return age > self._wait_s
        return False

    def _try_lock(self) -> tuple[LockFile, bool | None]:
        """The open lock file, and whether it is locked by us; None: locks do not work."""
        lock = LockFile(self._folder / _LOCK_NAME)
        try:
            self._flock(lock.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock, False
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return lock, None
            lock.free()
            raise
        return lock, True

    def _refusal(self, found: Holder | None) -> str:
        other = "another coordinator"
        if found is not None:
            other = f"the coordinator of job {found.job_id} (pid {found.pid} on {found.host})"
        me = self._me
        return (
            f"{self._folder} is held by {other}; job {me.job_id} (pid {me.pid} on {me.host}) "
            "cannot log there at the same time: end that job or choose another log_path"
        )

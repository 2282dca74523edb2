"""Opening a run: its folder, lock, journal and name."""

import dataclasses
import errno
import secrets
import tempfile
import time
from pathlib import Path

from ..proto.config import LoggerConfig
from ..proto.errors import ConfigError, JournalError
from .fence import Claim, Fence
from .journal import Journal
from .journalplace import journal_path, tell_home

POLL_S = 0.25
_PASSING = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EINTR}


@dataclasses.dataclass
class OpenRun:
    """A run that this coordinator holds; `close` gives it free.

    Attributes:
        config: the run's settings.
        log_path: its folder as it was given, made absolute; None: nothing is kept.
    """

    config: LoggerConfig
    run_id: str
    log_path: Path | None
    journal: Journal
    fence: Fence | None = None
    temporary: "tempfile.TemporaryDirectory[str] | None" = None

    def close(self) -> None:
        """Leaves the journal as one file, then lets the lock go; safe twice."""
        self.journal.close()
        if self.fence is not None:
            self.fence.release()
        if self.temporary is not None:
            self.temporary.cleanup()


class Opening:
    """Takes a run's folder as soon as it is free, then opens its journal.

    Not thread-safe. An older coordinator of the folder is waited for, at most
    `takeover_s`: poll every `POLL_S` until it is open, or an error says that it
    will not be.

    Args:
        config: the run's settings; `log_path` says where.
        job_id: the life of the job, named to whoever is refused because of us.
        run_id: the name asked for; "": the journal's, else a new one.
        memory: without a `log_path`, keep the journal in memory; else in a
            temporary folder.
    """

    def __init__(
        self, config: LoggerConfig, *, job_id: str, run_id: str = "", memory: bool
    ) -> None:
        self._config = config
        self._run_id = run_id
        self._memory = memory
        self._claim: Claim | None = None
        if config.log_path is not None:
            self._log_path = Path(config.log_path).absolute()
            takeover_s = config.timing.takeover_s
            self._claim = Claim(self._log_path, job_id=job_id, takeover_s=takeover_s)

    def poll(self, now: float | None = None) -> OpenRun | None:
        """The run; None: another coordinator may still give it free.

        Args:
            now: monotonic seconds; None: looked up.

        Raises:
            ConfigError: the folder cannot be used.
            JournalError: it is another run's, another coordinator's, or damaged.
        """
        if self._claim is None:
            return self._without_folder()
        now = time.monotonic() if now is None else now
        try:
            fence = self._claim.poll(now, time.time())
        except OSError as error:
            if error.errno in _PASSING and self._claim.waits(now):
                return None
            raise ConfigError(f"log_path {self._log_path} cannot be used: {error}") from error
        if fence is None:
            return None
        try:
            return self._with_folder(fence)
        except BaseException:
            fence.release()
            raise

    def give_up(self) -> None:
        """Waits no more; safe twice."""
        if self._claim is not None:
            self._claim.withdraw()

    def _with_folder(self, fence: Fence) -> OpenRun:
        folder = Path(self._config.delivery.journal_dir or self._log_path)
        path = journal_path(self._log_path, folder)
        journal = Journal(path, durable=self._config.delivery.fsync)
        try:
            tell_home(journal, self._log_path)
            name = _name(journal, self._run_id)
        except BaseException:
            journal.close()
            raise
        return OpenRun(self._config, name, self._log_path, journal, fence)

    def _without_folder(self) -> OpenRun:
        temporary = None if self._memory else tempfile.TemporaryDirectory(prefix="podlog-")
        journal = Journal(None if temporary is None else Path(temporary.name) / "journal.sqlite")
        name = _name(journal, self._run_id)
        return OpenRun(self._config, name, None, journal, temporary=temporary)


def open_run(config: LoggerConfig, *, job_id: str, run_id: str = "", memory: bool) -> OpenRun:
    """As `Opening`, but waits until the run is open, at most about `takeover_s`.

    Raises:
        ConfigError: the folder cannot be used.
        JournalError: it is another run's, another coordinator's, or damaged.
    """
    opening = Opening(config, job_id=job_id, run_id=run_id, memory=memory)
    try:
        while (opened := opening.poll()) is None:
            time.sleep(POLL_S)
    except BaseException:
        opening.give_up()
        raise
    return opened


def _name(journal: Journal, asked: str) -> str:
    """The run's name, kept in the journal."""
    found = journal.meta("run_id")
    if found is not None and asked and asked != found:
        raise JournalError(
            f"{journal.path} is the journal of run {found!r}, not of {asked!r}: "
            "choose another log_path, or leave run_id empty to go on with it"
        )
    name = found or asked or time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(3)
    if found is None:
        journal.set_meta("run_id", name)
    return name

"""Opening a run: its folder, lock, journal and name."""

import dataclasses
import logging
import secrets
import socket
import tempfile
import time
from pathlib import Path

from ..proto.config import LoggerConfig
from ..proto.errors import ConfigError, JournalError
from .fence import Fence
from .journal import Journal

_log = logging.getLogger(__name__)


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


def open_run(config: LoggerConfig, *, job_id: str, run_id: str = "", memory: bool) -> OpenRun:
    """Takes the run's folder and opens its journal.

    Args:
        config: the run's settings; `log_path` says where.
        job_id: the life of the job, named to whoever is refused because of us.
        run_id: the name asked for; "": the journal's, else a new one.
        memory: without a `log_path`, keep the journal in memory; else in a
            temporary folder.

    Raises:
        ConfigError: the folder cannot be used.
        JournalError: it is another run's, another coordinator's, or damaged.
    """
    if config.log_path is None:
        temporary = None if memory else tempfile.TemporaryDirectory(prefix="podlog-")
        journal = Journal(None if temporary is None else Path(temporary.name) / "journal.sqlite")
        name = _name(journal, run_id)
        return OpenRun(config, name, None, journal, temporary=temporary)

    log_path = Path(config.log_path).absolute()
    fence = _lock(log_path, job_id, config.timing.takeover_s)
    try:
        folder = Path(config.delivery.journal_dir or log_path)
        journal = Journal(folder / "journal.sqlite")
        try:
            name = _name(journal, run_id)
        except BaseException:
            journal.close()
            raise
    except BaseException:
        fence.release()
        raise
    return OpenRun(config, name, log_path, journal, fence)


def _lock(log_path: Path, job_id: str, lease_s: float) -> Fence:
    try:
        log_path.mkdir(parents=True, exist_ok=True)
        host = socket.gethostname()
        return Fence(log_path, host=host, job_id=job_id, lease_s=lease_s, now=time.time())
    except OSError as error:
        raise ConfigError(f"log_path {log_path} cannot be used: {error.strerror}") from error


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

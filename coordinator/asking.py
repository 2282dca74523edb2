"""The run that was asked for, until it can be had."""

import dataclasses
import errno
import json
import logging
import sqlite3
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.config import LoggerConfig
from ..proto.control import Setup
from ..proto.errors import ConfigError, RefusedError
from ..proto.records import Event
from .opening import POLL_S, Opening, OpenRun
from .runners import Runner
from .toolset import make_runners

_log = logging.getLogger(__name__)

_AGAIN_S = 2.0
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


class Asking:
    """Keeps an `Open` and tries to serve it. Owned by the state thread.

    Args:
        setup: the job.

    Attributes:
        postprocess: whether process 0 has a ``metric_postprocess_fn``.
    """

    def __init__(self, setup: Setup) -> None:
        self.postprocess = False
        self._setup = setup
        self._asked: pb.Open | None = None
        self._config: LoggerConfig | None = None
        self._opening: Opening | None = None
        self._poll_at = 0.0
        self._said = False

    @property
    def open(self) -> bool:
        """Whether anything was asked for."""
        return self._asked is not None

    @property
    def message(self) -> bytes:
        """The serialized `Open`; b"" if there was none."""
        return b"" if self._asked is None else self._asked.SerializeToString()

    def ask(self, asked: pb.Open) -> None:
        """Takes an `Open`, also again while the run is waited for.

        Raises:
            RefusedError: it is not the one that came first.
        """
        first = self._asked
        if first is None:
            self._asked = asked
        elif (asked.run_id, asked.log_path) != (first.run_id, first.log_path):
            raise RefusedError(
                f"process 0 opens run {asked.run_id!r} in {asked.log_path}, but this coordinator "
                f"waits for run {first.run_id!r} in {first.log_path}"
            )
        self.postprocess = asked.postprocess

    def poll(self, now: float) -> tuple[OpenRun, dict[str, Runner], list[Event]] | None:
        """Tries to open the run.

        Returns:
            The run, its tools by name, and an event for each tool that cannot
            be made: the others go on without it. None: not now.

        Raises:
            Exception: it cannot be had.
        """
        if self._asked is None or now < self._poll_at:
            return None
        self._poll_at = now + POLL_S
        try:
            if self._opening is None:
                self._opening = self._begin(self._asked)
            opened = self._opening.poll(now)
        except Exception as error:
            if not _passes(error) or not self.again(error, now):
                self.give_up()
                raise
            return None
        if opened is None:
            return None
        self._opening = None
        runners, problems = make_runners(self._asked, opened)
        return opened, runners, problems

    def give_up(self) -> None:
        """Waits no more; safe twice."""
        if self._opening is not None:
            self._opening.give_up()
            self._opening = None

    def again(self, error: Exception, now: float) -> bool:
        """The disk refuses: it is asked again later; false if nothing was asked for."""
        if self._asked is None:
            return False
        self.give_up()
        self._poll_at = now + _AGAIN_S
        if not self._said:
            _log.error("the run cannot be opened yet, it is tried again: %s", error)
        self._said = True
        return True

    def next_deadline(self) -> float | None:
        """When `poll` has something to do."""
        return None if self._asked is None else self._poll_at

    def _begin(self, asked: pb.Open) -> Opening:
        try:
            config = LoggerConfig.from_dict(LoggerConfig, json.loads(asked.config_json or "{}"))
        except ValueError as error:
            raise ConfigError(f"Open.config_json of process 0: {error}") from error
        log_path = Path(asked.log_path) if asked.log_path else None
        config = dataclasses.replace(config, log_path=log_path, log_tools=[])
        return Opening(config, job_id=self._setup.job_id, run_id=asked.run_id, memory=False)


def _passes(error: BaseException | None) -> bool:
    """Whether it is a disk that is full or stalls, and not what was asked for."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _PASSING:
            return True
        if isinstance(error, sqlite3.OperationalError):
            name = getattr(error, "sqlite_errorname", "")
            return name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_BUSY"))
        error = error.__cause__
    return False

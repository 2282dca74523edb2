"""Events, log lines and configs on their way into the journal."""

import json
import logging
import time

from ..proto.codec import record_body
from ..proto.errors import WireError
from ..proto.records import Event, Gap, LogLine, Record, RunConfig
from ..proto.rows import EventItem
from .journal import Journal
from .lives import Lives
from .skews import Skews

SELF = "podlog"
_GOOD_NEWS = frozenset({"training_start", "goes_on", "epoch"})


class Notes:
    """What is stored beside rows. Owned by the state thread; call it within a transaction.

    Args:
        journal: where everything goes.
        lives: tells which attempt is newer.
        skews: puts the times of workers right.
    """

    def __init__(self, journal: Journal, lives: Lives, skews: Skews) -> None:
        self._journal = journal
        self._lives = lives
        self._skews = skews
        self._config_age = _read_age(journal.meta("config_age"))

    def offset(self, incarnation: int) -> float | None:
        """What has to be added to a worker's time; None: not known."""
        return self._skews.offset(incarnation)

    def event(
        self,
        event: Event,
        *,
        process: int = 0,
        step: int = 0,
        attempt: int = 0,
        line: bool = True,
    ) -> None:
        """Stores an event of the coordinator's own, and its line for ``output.log``."""
        now = time.time()
        self._journal.add_event(EventItem(0, attempt, process, step, now, event))
        if line:
            level = logging.INFO if event.name in _GOOD_NEWS else logging.WARNING
            self.line(event.text, level=level, process=process, step=step)

    def line(
        self, text: str, *, level: int = logging.INFO, process: int = 0, step: int = 0
    ) -> None:
        """Stores a line of the coordinator's own."""
        self._journal.add_line(process, time.time(), step, LogLine(level, SELF, text))

    def store(self, record: Record, attempt: int, host: str) -> None:
        """Stores a log line, event or config; one that cannot be read is an event."""
        draft, process = record.draft, record.process
        try:
            body = record_body(record)
        except WireError as error:
            self.event(Event("damaged", str(error), host=host), process=process, attempt=attempt)
            return
        match body:
            case LogLine():
                told = self._skews.right(record.incarnation, draft.time)
                self._journal.add_line(process, told, draft.step, body)
            case RunConfig():
                if process == 0:
                    self._config(body, record, attempt)
            case Gap():
                pass  # what of it is lost, the caller knows
            case Event():
                told = self._skews.right(record.incarnation, draft.time)
                item = EventItem(0, attempt, process, draft.step, told, body)
                self._journal.add_event(item)
                level = logging.INFO if body.name in _GOOD_NEWS else logging.WARNING
                line = LogLine(level, SELF, body.text, body.host or host)
                self._journal.add_line(process, told, draft.step, line)

    def _config(self, config: RunConfig, record: Record, attempt: int) -> None:
        """Stores a config; one that comes after a newer attempt's must not replace it."""
        age = self._lives.age(attempt)
        if age < self._config_age:
            text = f"the config of attempt {attempt} came after that of a newer one"
            event = Event("old_config", text, fields={"config": config.json})
            self.event(event, step=record.draft.step, attempt=attempt)
            return
        if age > self._config_age:
            self._config_age = age
            self._journal.set_meta("config_age", json.dumps(age))
        self._journal.add_config(config)


def _read_age(text: str | None) -> tuple[float, str, int]:
    if text is None:
        return (0.0, "", 0)
    started, job_id, restores = json.loads(text)
    return (float(started), str(job_id), int(restores))

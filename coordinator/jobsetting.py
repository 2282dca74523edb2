"""What the journal keeps of the present life of the job only."""

import json
from typing import Any

from .journal import Journal


class JobSetting:
    """A setting of the run that another life of the job does not see. Owned by the state thread.

    Args:
        journal: keeps it.
        name: of the setting.
        job_id: the life of the job.
    """

    def __init__(self, journal: Journal, name: str, job_id: str) -> None:
        self._journal = journal
        self._name = name
        self._job_id = job_id

    def read(self) -> Any:
        """What `write` was given last in this life; None: nothing."""
        whose, *kept = json.loads(self._journal.meta(self._name) or '[""]')
        return kept[0] if whose == self._job_id else None

    def write(self, value: Any) -> None:
        """Keeps a value that JSON can hold; belongs into a transaction."""
        self._journal.set_meta(self._name, json.dumps([self._job_id, value]))

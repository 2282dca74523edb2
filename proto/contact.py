"""How a worker reaches a coordinator, as it is published and found."""

import base64
import contextlib
import dataclasses
import json
import os
from pathlib import Path

from .errors import ConfigError

TLS_NAME = "podlog"
"""The name in a job's certificate; whoever connects checks it whatever the address is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Contact:
    """Address and credentials of a job's coordinator.

    Attributes:
        address: ``host:port``; IPv6 hosts in brackets.
        token: the job's token, 64 hex digits. Never in logs: not in the repr.
        cert: the PEM certificate that the coordinator shows; b"" without TLS.
        job_id: the life of the job this coordinator serves.
        started: wall clock when the job_id was minted; orders attempts.
    """

    address: str
    token: str = dataclasses.field(repr=False)
    cert: bytes = dataclasses.field(repr=False)
    job_id: str
    started: float

    def to_json(self) -> str:
        """One line of JSON, secrets included: only for the job's own channels."""
        values = dataclasses.asdict(self) | {"cert": base64.b64encode(self.cert).decode()}
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> "Contact":
        """The contact in `text`.

        Raises:
            ConfigError: not a contact.
        """
        try:
            values = json.loads(text)
            found = cls(**(values | {"cert": base64.b64decode(values["cert"])}))
            texts = (found.address, found.token, found.job_id)
            if not all(isinstance(text, str) for text in texts):
                raise TypeError("a text is none")
            return dataclasses.replace(found, started=float(found.started))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise ConfigError(f"not the contact of a coordinator ({error})") from error

    def save(self, path: Path) -> None:
        """Writes it to a file of the owner's alone; whoever reads sees all of it or the old one.

        Raises:
            OSError: it cannot be written.
        """
        fresh = path.with_name(f"{path.name}.new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(self.to_json() + "\n")
        fresh.replace(path)

    @classmethod
    def withdraw(cls, path: Path | None, job_id: str) -> None:
        """Removes the file in which a job's contact was saved, but not what another has written."""
        with contextlib.suppress(OSError, ValueError):  # a ConfigError is one, too
            if path and cls.from_json(path.read_text()).job_id == job_id:
                path.unlink()

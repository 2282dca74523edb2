"""What is not delivered when a process gives up waiting, and where it is kept."""

from pathlib import Path
from typing import NamedTuple


class Leftover(NamedTuple):
    """How many records are not committed, and how many of them are not spooled yet."""

    total: int
    waiting: int

    def where(self, folder: Path | None, setting: str) -> str:
        """Where they are, for people.

        Args:
            folder: of the spool; None: memory.
            setting: what leads the next start there, e.g. ``"this log_path"``.
        """
        if folder is None:
            return "they are in memory only (no log_path) and end with this process"
        text = f"they are kept in {folder} and delivered at the next start with {setting}"
        return f"{text}; {self.waiting} of them are not on the disk yet" if self.waiting else text

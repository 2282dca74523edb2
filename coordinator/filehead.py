"""The journal's file beside SQLite: its header before it is opened, its place while it is."""

import os
from pathlib import Path

from ..proto.errors import JournalGoneError
from .netfs import is_network

VERSION = 1
APPLICATION_ID = 0x706F646C  # "podl"


def newer(path: Path | None, version: int) -> str:
    """The refusal of a journal that a newer podlog wrote."""
    return (
        f"journal {path} has format {version}, this podlog knows up to {VERSION}; "
        "use the podlog that wrote it, or a newer one"
    )


def header(path: Path) -> tuple[int, int] | None:
    """Application id and format of an SQLite file; None: it is none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(100)
    except FileNotFoundError:
        return None
    if len(data) < 100 or not data.startswith(b"SQLite format 3\0"):
        return None
    return int.from_bytes(data[68:72], "big"), int.from_bytes(data[60:64], "big")


def check_place(path: Path, opened: os.stat_result) -> None:
    """Raises if `path` no longer leads to the file that was `opened`.

    SQLite would go on writing to what nobody can open any more. On a network
    file system only a missing file counts.

    Raises:
        JournalGoneError: it was deleted or replaced.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise JournalGoneError(f"journal {path} was deleted while it was open") from None
    if not os.path.samestat(found, opened) and not is_network(path):
        raise JournalGoneError(f"journal {path} was replaced while it was open")

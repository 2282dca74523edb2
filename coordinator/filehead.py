"""What the header of a journal's file says, before SQLite opens it."""

from pathlib import Path

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

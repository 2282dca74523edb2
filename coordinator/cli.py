"""What the `podlog` command asks of a run. Reads, never writes."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..proto.errors import ConfigError
from ..proto.rows import Row
from ..proto.stdout import nobody_reads
from .audit import Audit, audit
from .audittext import as_json as audit_json
from .audittext import as_text as audit_text
from .core.attempts import Attempts
from .journal import Journal
from .reading import reading
from .snapshotjson import as_json as snapshot_json
from .tools.csvfile import cell
from .tools.rowjson import dump_line, row_json
from .watchfolder import Seen, look_at_folder

__all__ = [
    "Audit",
    "Seen",
    "audit",
    "audit_json",
    "audit_text",
    "export",
    "look_at_folder",
    "snapshot_json",
]

_FIXED = ("log_attempt", "log_mode", "log_kind", "log_n", "log_step", "log_epoch")


def export(run: Path, format_: str, attempt: int | None = None, out: Path | None = None) -> None:
    """Writes the rows of a run, finished or live, in the order in which they were given out.

    Of a row with late records the newest revision is written. CSV has the
    columns ``log_attempt, log_mode, log_kind, log_n, log_step, log_epoch`` and
    then every metric; these names hide metrics of the same name. JSONL has what
    `FileLogger` writes.

    Args:
        run: folder of the run, or the journal's own file.
        format_: ``"csv"`` or ``"jsonl"``.
        attempt: rows of this attempt only, those that a newer one took the
            place of included; None: one value for each row, the newest.
        out: file to write; None: standard output.

    Raises:
        JournalError: there is no journal, or it cannot be read.
        ConfigError: an unknown format, or an attempt that the run does not have.
    """
    if format_ not in ("csv", "jsonl"):
        raise ConfigError(f"unknown format {format_!r}; choose csv or jsonl")
    with reading(run) as opened:
        journal = opened.journal
        for problem in opened.problems:
            print(f"podlog: {problem}; `podlog audit` says more", file=sys.stderr)  # noqa: T201
        known = [found.number for found in journal.attempts()]
        if attempt is not None and attempt not in known:
            numbers = ", ".join(map(str, known)) or "none"
            raise ConfigError(f"{run} has no attempt {attempt}; it has {numbers}")
        with _output(out) as file, journal.snapshot():
            if format_ == "csv":
                _write_csv(journal, attempt, file)
            else:
                for row in _rows(journal, attempt):
                    file.write(dump_line(row_json(row)))


def _rows(journal: Journal, attempt: int | None) -> Iterator[Row]:
    attempts = Attempts(journal.attempts())
    for row in journal.newest_rows():
        if attempt is None:
            if not attempts.superseded(row.key, journal.has_row):
                yield row
        elif row.key.attempt == attempt:
            yield row


def _write_csv(journal: Journal, attempt: int | None, file: IO[bytes]) -> None:
    """Two passes over the journal: columns first, so that memory stays small."""
    columns = dict.fromkeys(_FIXED)
    for row in _rows(journal, attempt):
        columns.update(
            dict.fromkeys(key for key, value in _shown(row).items() if cell(value) is not None)
        )
    _write_record(file, columns)
    for row in _rows(journal, attempt):
        key = row.key
        fixed = (key.attempt, key.mode, key.kind.label, key.n, key.step, row.epoch)
        values = _shown(row) | dict(zip(_FIXED, fixed, strict=True))
        _write_record(file, (values.get(name) for name in columns))


def _shown(row: Row) -> dict[str, Any]:
    return dict(row.metrics if row.shown is None else row.shown)


def _write_record(file: IO[bytes], values: Any) -> None:
    text = ",".join(cell(value) or "" for value in values)
    file.write(text.encode("utf-8", "backslashreplace") + b"\n")


@contextlib.contextmanager
def _output(out: Path | None) -> Iterator[IO[bytes]]:
    if out is not None:
        try:
            with out.open("wb") as file:
                yield file
        except OSError as error:
            raise ConfigError(f"{out} cannot be written ({error.strerror})") from error
        return
    try:
        yield sys.stdout.buffer
        sys.stdout.flush()
    except BrokenPipeError:
        nobody_reads()

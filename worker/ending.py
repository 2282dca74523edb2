"""How a training ended: its status, and what it met."""

import dataclasses
import traceback

from ..cluster.leaving import exit_code
from ..proto.codec import safe_text
from .inputs import said, said_error

MAX_TRACE = 64 << 10
"""Bytes of a traceback that are kept: its end, with what was raised."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """What is said of it to the coordinator.

    Attributes:
        status: empty: as ``finalize`` said.
        error: one line: type and message of the exception, or the exit code.
        trace: its traceback.
    """

    status: str = ""
    error: str = ""
    trace: str = ""

    @property
    def failed(self) -> bool:
        """Whether others must know at once."""
        return self.status in ("failure", "interrupted")


def ending_of(error: BaseException | None) -> Ending:
    """The end of a training that `error` ended; None: nothing did."""
    if error is None:
        return Ending()
    if isinstance(error, SystemExit):
        return exit_ending(error.code)
    status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failure"
    name, text = type(error).__name__, _one_line(said_error(error))
    return Ending(status, name if text == f"{name}:" else text, _trace(error))


def exit_ending(code: object) -> Ending:
    """The end of a process that leaves with `code`, whatever `sys.exit` takes."""
    if code is None:
        return Ending()
    seen = exit_code(code)
    note = "" if isinstance(code, int) else f" ({_one_line(said(code))})"
    return Ending("failure", f"exit code {seen}{note}") if seen else Ending()


def finalized(status: str, handled: BaseException | None) -> Ending:
    """What ``finalize(status)`` says where `handled` is the exception that is being handled."""
    status = "failure" if status == "error" else status
    if status == "success":
        return Ending(status)
    return dataclasses.replace(ending_of(handled), status=status)


def _one_line(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines()) or text


def _trace(error: BaseException) -> str:
    try:
        text = safe_text("".join(traceback.format_exception(error)))
    except Exception:
        return ""
    kept = text.encode()[-MAX_TRACE:].decode(errors="ignore")
    return kept if len(kept) == len(text) else kept.partition("\n")[2]

"""What a command has to do with the terminal it runs in: signals in, lines out."""

import contextlib
import queue
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any


@contextlib.contextmanager
def signals_into(events: "queue.SimpleQueue[Any]") -> Iterator[None]:
    """Puts SIGINT, SIGTERM and SIGHUP into `events` in place of what they do.

    For the main thread.
    """

    def put(number: int, _: FrameType | None) -> None:
        events.put(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, put) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell(text: str) -> None:
    """A line for people, on standard error."""
    sys.stderr.write(f"podlog: {text}\n")
    sys.stderr.flush()


def tell_file(path: Path) -> None:
    """Shows the end of what the coordinator said."""
    with contextlib.suppress(OSError):
        text = path.read_text(errors="replace")[-4000:].rstrip()
        if text:
            tell(f"the coordinator said:\n{text}")

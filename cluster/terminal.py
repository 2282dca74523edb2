"""What a command has to do with the terminal it runs in: signals in, lines out."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType


@contextlib.contextmanager
def signals_to(put: Callable[[int], None]) -> Iterator[None]:
    """Hands SIGINT, SIGTERM and SIGHUP to `put` in place of what they do.

    For the main thread, which `put` interrupts: it must be short and wait for nothing.
    """

    def take(number: int, _: FrameType | None) -> None:
        put(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, take) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell(text: str) -> None:
    """A line for people, on standard error; a terminal that is gone changes nothing."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"podlog: {text}\n")
        sys.stderr.flush()


def tell_file(path: Path) -> None:
    """Shows the end of what the coordinator said."""
    with contextlib.suppress(OSError):
        text = path.read_text(errors="replace")[-4000:].rstrip()
        if text:
            tell(f"the coordinator said:\n{text}")

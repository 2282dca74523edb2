"""Lines on their way to a terminal that may be stuck."""

import io
import os
import re
import sys
import threading
import time

import pytest

from podlog.worker.printer import Printer


def test_lines_come_in_order_each_to_its_stream() -> None:
    """Close waits until all are written; a line longer than a pipe's unit stays whole."""
    first, second = io.StringIO(), io.StringIO()
    printer = Printer()
    printer.start()
    for i in range(100):
        printer.put(first if i % 2 else second, f"line {i}")
    printer.put(first, "ü" * 5000)
    printer.close(5.0)
    assert second.getvalue().splitlines() == [f"line {i}" for i in range(0, 100, 2)]
    assert first.getvalue().splitlines()[-1] == "ü" * 5000
    assert printer.dropped == 0


def test_a_stuck_terminal_holds_up_nobody_and_hears_what_it_missed() -> None:
    """A full pipe that nobody reads: put returns at once; once read, the count is told."""
    read, write = os.pipe()
    stream = os.fdopen(write, "w")
    printer = Printer(limit=50)
    printer.start()
    longest = 0.0
    for i in range(3000):
        start = time.perf_counter()
        printer.put(stream, f"{i:04d} " + "x" * 200)
        longest = max(longest, time.perf_counter() - start)
    assert printer.dropped > 2000
    assert longest < 0.5

    text: list[str] = []
    reader = threading.Thread(target=lambda: text.append(_all_of(read)))
    reader.start()
    _until_empty(printer)
    printer.put(stream, "the last")
    printer.close(5.0)
    dropped = printer.dropped
    stream.close()
    reader.join(5.0)
    told = re.findall(r"podlog: (\d+) lines are not shown", text[0])
    assert sum(map(int, told)) == dropped
    assert text[0].endswith("the last\n")


def test_close_gives_a_stuck_terminal_up() -> None:
    """What nobody reads is dropped at the deadline; the thread has ended."""
    read, write = os.pipe()
    stream = os.fdopen(write, "w")
    printer = Printer()
    printer.start()
    for _ in range(1000):
        printer.put(stream, "x" * 200)
    start = time.monotonic()
    printer.close(0.2)
    printer.close(0.2)
    assert time.monotonic() - start < 3.0
    assert printer.dropped > 100
    os.close(read)
    stream.close()


@pytest.mark.parametrize("broken", ["closed", "no reader", "raises"])
def test_a_broken_stream_costs_its_lines_only(broken: str) -> None:
    """Lines for other streams follow; the first of them says what was missed."""
    read, write = os.pipe()
    bad: io.TextIOBase = os.fdopen(write, "w")
    os.close(read)
    if broken == "raises":
        bad.detach().close()  # type: ignore[attr-defined]
        bad = _Raises()
    elif broken == "closed":
        bad.close()
    good = io.StringIO()
    printer = Printer()
    printer.start()
    printer.put(bad, "lost")
    printer.put(good, "kept")
    printer.close(5.0)
    assert printer.dropped == 1
    assert good.getvalue().endswith("kept\n")
    if broken == "no reader":
        with pytest.raises(BrokenPipeError):
            bad.close()


class _Raises(io.StringIO):
    def write(self, text: str, /) -> int:
        raise RuntimeError(text)


def _all_of(fd: int) -> str:
    with os.fdopen(fd) as file:
        return file.read()


def _until_empty(printer: Printer, timeout: float = 10) -> None:
    deadline = time.monotonic() + timeout
    while printer._lines:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_sys_stdout_is_flushed(capfd: pytest.CaptureFixture[str]) -> None:
    """A line is on the terminal once close returned."""
    printer = Printer()
    printer.start()
    printer.put(sys.stdout, "hello")
    printer.close(5.0)
    assert capfd.readouterr().out == "hello\n"

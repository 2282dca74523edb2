"""What is said of a training that ended, and of an odd exception."""

import pytest

from podlog.worker.ending import MAX_TRACE, Ending, ending_of, exit_ending, finalized


def _raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_an_exception_is_a_failure_with_its_traceback() -> None:
    """One line, and the whole."""
    ending = ending_of(_raised(ValueError("boom\nand more")))
    assert (ending.status, ending.error) == ("failure", "ValueError: boom and more")
    assert "in _raised" in ending.trace and ending.trace.endswith("ValueError: boom\nand more\n")
    assert ending.failed


def test_an_interrupt_is_no_failure() -> None:
    """Ctrl-C has a status of its own."""
    ending = ending_of(_raised(KeyboardInterrupt()))
    assert (ending.status, ending.error) == ("interrupted", "KeyboardInterrupt")
    assert ending.failed


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (3, "exit code 3"),
        (True, "exit code 1"),
        (-1, "exit code 255"),
        ("no data\nin here", "exit code 1 (no data in here)"),
        (256, ""),
        (0, ""),
        (None, ""),
    ],
)
def test_an_exit_is_a_failure_by_its_code(code: object, error: str) -> None:
    """As the operating system will see it."""
    assert exit_ending(code) == (Ending("failure", error) if error else Ending())
    assert ending_of(_raised(SystemExit(code))) == exit_ending(code)


def test_finalize_carries_what_is_being_handled() -> None:
    """Not if it was handled well: a loop may end by an exception."""
    error = _raised(RuntimeError("x"))
    assert finalized("success", error) == Ending("success")
    assert finalized("error", None) == Ending("failure")
    ending = finalized("error", error)
    assert (ending.status, ending.error) == ("failure", "RuntimeError: x")
    assert "in _raised" in ending.trace
    assert finalized("preempted", _raised(SystemExit(0))) == Ending("preempted")


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_odd_exceptions_are_told_too() -> None:
    """Texts that raise, that cannot be encoded, that are very long; groups."""
    assert ending_of(_raised(Odd())).error.startswith("Odd: ")
    odd = ending_of(_raised(ValueError("\ud800")))
    (odd.error + odd.trace).encode()
    long = ending_of(_raised(ValueError("x" * 300_000 + "\nthe end")))
    assert len(long.trace.encode()) <= MAX_TRACE and long.trace.endswith("the end\n")
    assert len(long.error) < 3000
    group = ending_of(_raised(ExceptionGroup("two", [ValueError("a"), KeyError("b")])))
    assert "ValueError: a" in group.trace and group.error.startswith("ExceptionGroup: two")

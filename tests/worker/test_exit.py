"""The end of a process without close: said once, with the right status, before JAX's barrier."""

import subprocess
import sys
import textwrap

import pytest

LEAVES = """
def main(): sys.exit(3)
def careful():
    try: main()
    except SystemExit: pass
"""
LEFT = """
careful()
with contextlib.suppress(ValueError):
    try: main()
    finally: print(end="")
"""
CAUGHT = """
careful()
thread = threading.Thread(target=main)
thread.start()
thread.join()
with contextlib.suppress(SystemExit):
    main()
try: main()
except SystemExit: pass
"""


def _run(script: str, timeout: float = 30) -> "subprocess.CompletedProcess[str]":
    start = """
        import atexit, contextlib, os, sys, threading
        from podlog.worker.exit import ExitHook
        def close(ending): print(f"closed {ending.status!r} {ending.error}".rstrip(), flush=True)
        hook = ExitHook(lambda ending: print("reported", ending.error, flush=True), close)
    """
    text = textwrap.dedent(start) + textwrap.dedent(script)
    return subprocess.run(
        [sys.executable, "-P", "-c", text], capture_output=True, text=True, timeout=timeout
    )


@pytest.mark.parametrize(
    ("script", "closed", "code"),
    [
        ("", "''", 0),
        ("1 / 0", "'failure' ZeroDivisionError: division by zero", 1),
        ("raise KeyboardInterrupt", "'interrupted' KeyboardInterrupt", -2),
        ("sys.exit(3)", "'failure' exit code 3", 3),
        ("sys.exit('no data')", "'failure' exit code 1 (no data)", 1),
        ("sys.exit()", "''", 0),
        ("raise SystemExit(3)", "''", 3),
        (LEAVES + LEFT, "'failure' exit code 3", 3),
        (LEAVES + CAUGHT, "''", 0),
    ],
)
def test_the_status_says_how_it_ended(script: str, closed: str, code: int) -> None:
    """Exactly one close, and the process's own exit status stays."""
    done = _run("hook.install()\n" + script)
    assert [line for line in done.stdout.splitlines() if "reported" not in line] == [
        f"closed {closed}"
    ]
    assert done.returncode == code


def test_it_is_reported_first_and_other_hooks_run() -> None:
    """A hook that was there, which prints the traceback, is called before close."""
    done = _run("""
        def earlier(*args): print("earlier", flush=True)
        sys.excepthook = earlier
        hook.install()
        raise ValueError("x")
    """)
    assert done.stdout == "reported ValueError: x\nearlier\nclosed 'failure' ValueError: x\n"


def test_nothing_happens_after_remove() -> None:
    """A closed logger leaves no trace, even if another hook was chained behind it."""
    done = _run("""
        before = sys.excepthook, sys.exit
        hook.install(); hook.remove()
        assert (sys.excepthook, sys.exit) == before
        second = ExitHook(close, close); second.install()
        ours, ours_too = sys.excepthook, sys.exit
        sys.excepthook = lambda *args: ours(*args)
        sys.exit = lambda *args: ours_too(*args)
        second.remove()
        try: sys.exit(3)
        except SystemExit: raise ValueError("x")
    """)
    assert done.stdout == ""
    assert done.stderr.rstrip().endswith("ValueError: x")


def test_it_runs_before_what_was_registered_earlier() -> None:
    """JAX's own exit function, registered at its import, comes after ours."""
    done = _run("""
        atexit.register(print, "jax's barrier", flush=True)
        hook.install()
    """)
    assert done.stdout == "closed ''\njax's barrier\n"


def test_a_close_that_raises_does_not_disturb_the_end() -> None:
    """The process ends as it would, the failure is logged."""
    done = _run("""
        def bad(ending): raise OSError("disk")
        ExitHook(bad, bad).install()
    """)
    assert done.returncode == 0
    assert "closing the logger at exit failed" in done.stderr


def test_a_forked_child_says_nothing() -> None:
    """Only the process that made the logger says goodbye for it."""
    done = _run("""
        hook.install()
        if os.fork() == 0:
            sys.exit(0)
        os.wait()
    """)
    assert done.stdout == "closed ''\n"


def test_exceptions_of_threads_are_left_alone() -> None:
    """A thread that dies does not end the run."""
    done = _run("""
        hook.install()
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start(); thread.join()
        print("went on", flush=True)
    """)
    assert done.stdout == "went on\nclosed ''\n"
    assert "ZeroDivisionError" in done.stderr


def test_a_second_interrupt_ends_the_close_and_nothing_comes_twice() -> None:
    """Who presses Ctrl-C again does not wait for another close at exit."""
    done = _run("""
        def stubborn(ending): print("closed", flush=True); raise KeyboardInterrupt
        ExitHook(lambda ending: None, stubborn).install()
        raise KeyboardInterrupt
    """)
    assert done.stdout == "closed\n"

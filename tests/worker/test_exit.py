"""The end of a process without close: said once, with the right status, before JAX's barrier."""

import subprocess
import sys
import textwrap

import pytest


def _run(script: str, timeout: float = 30) -> "subprocess.CompletedProcess[str]":
    start = """
        import atexit, os, sys, threading
        from podlog.worker.exit import ExitHook
        def close(status): print(f"closed {status!r}", flush=True)
        hook = ExitHook(close)
    """
    text = textwrap.dedent(start) + textwrap.dedent(script)
    return subprocess.run(
        [sys.executable, "-P", "-c", text], capture_output=True, text=True, timeout=timeout
    )


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        ("hook.install()", "", 0),
        ("hook.install(); sys.exit(3)", "", 3),
        ("hook.install(); 1 / 0", "failure", 1),
        ("hook.install(); raise KeyboardInterrupt", "interrupted", -2),
    ],
)
def test_the_status_says_how_it_ended(script: str, status: str, code: int) -> None:
    """Exactly one close, and the process's own exit status stays."""
    done = _run(script)
    assert done.stdout == f"closed {status!r}\n"
    assert done.returncode == code


def test_the_traceback_is_printed_first_and_other_hooks_run() -> None:
    """A hook that was there is called, and what it prints comes before close."""
    done = _run("""
        def earlier(*args): print("earlier", flush=True)
        sys.excepthook = earlier
        hook.install()
        raise ValueError("x")
    """)
    assert done.stdout == "earlier\nclosed 'failure'\n"


def test_nothing_happens_after_remove() -> None:
    """A closed logger leaves no trace, even if another hook was chained behind it."""
    done = _run("""
        before = sys.excepthook
        hook.install(); hook.remove()
        assert sys.excepthook is before
        second = ExitHook(close); second.install()
        ours = sys.excepthook
        sys.excepthook = lambda *args: ours(*args)
        second.remove()
        raise ValueError("x")
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
        def bad(status): raise OSError("disk")
        ExitHook(bad).install()
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

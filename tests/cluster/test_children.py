"""Processes that are started, signalled and reaped."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from podlog.cluster.children import Children, said
from podlog.proto.control import ProcessExit

Events = queue.SimpleQueue[ProcessExit | int]


@pytest.fixture
def children() -> Iterator[Children]:
    """Children that are killed at the end."""
    made = Children(queue.SimpleQueue())
    yield made
    made.close()


def _ended(children: Children) -> ProcessExit:
    event = children.exits.get(timeout=20)
    assert isinstance(event, ProcessExit)
    return event


def _python(text: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(text)]


def test_exit_codes_and_signals_are_told(children: Children) -> None:
    """Each end is told with the index, the pid, and its code or signal."""
    pid = children.start(_python("raise SystemExit(3)"), os.environ)
    assert _ended(children) == ProcessExit(0, pid, code=3)
    pid = children.start(_python("import os; os.kill(os.getpid(), 9)"), os.environ)
    assert _ended(children) == ProcessExit(1, pid, signal=9)
    assert children.running == []


def test_signals_reach_those_that_run(children: Children, tmp_path: Path) -> None:
    """A signal goes to every process that has not ended, and to no other."""
    children.start(_python("pass"), os.environ)
    assert _ended(children).code == 0
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    children.start(
        _python(f"import time; open({str(ready)!r}, 'w').close(); time.sleep(60)"), os.environ
    )
    ready.read_text()
    children.send(signal.SIGTERM)
    assert _ended(children).signal == signal.SIGTERM
    children.send(signal.SIGTERM)


def test_what_a_process_left_behind_is_ended(children: Children, tmp_path: Path) -> None:
    """A helper that outlives its process is ended with it."""
    pid_file = tmp_path / "pid"
    children.start(
        _python(f"""
            import subprocess, sys
            helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            open({str(pid_file)!r}, "w").write(str(helper.pid))
        """),
        os.environ,
    )
    assert _ended(children).code == 0
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(pid_file.read_text())).wait(10)


def test_close_kills(children: Children) -> None:
    """Closing ends what runs; it is safe twice."""
    children.start(_python("import time; time.sleep(60)"), os.environ)
    children.close()
    assert _ended(children).signal == signal.SIGKILL
    children.close()


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the launcher, which no handler sees, ends its children too."""
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent("""
            import os, queue, sys
            from podlog.cluster.children import Children
            children = Children(queue.SimpleQueue())
            child = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
            print(children.start(child, os.environ), flush=True)
            children.exits.get()
        """)
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        lines = {parent.stdout.readline().strip() for _ in range(2)}
        assert "up" in lines
        (pid,) = lines - {"up"}
        child = psutil.Process(int(pid))
        parent.kill()
        child.wait(10)


def test_said() -> None:
    """Ends are told with the process and the name of the signal."""
    assert said(ProcessExit(1, 5, code=3)) == "process 1 ended with exit code 3"
    assert said(ProcessExit(1, 5, signal=9)) == "process 1 was ended by SIGKILL"
    assert said(ProcessExit(1, 5, signal=200)) == "process 1 was ended by signal 200"

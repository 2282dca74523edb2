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

from podlog.cluster.children import Children
from podlog.proto.control import ProcessExit


class Watched(Children):
    """Children whose ends are kept in order; they are killed at the end of the test."""

    def __init__(self) -> None:
        self.exits: queue.SimpleQueue[ProcessExit] = queue.SimpleQueue()
        super().__init__(self.exits.put)

    def ended(self) -> ProcessExit:
        """The next end."""
        return self.exits.get(timeout=20)


@pytest.fixture
def children() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.close()


def _python(text: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(text)]


def test_exit_codes_and_signals_are_told(children: Watched) -> None:
    """Each end is told with the index, the pid, and its code or signal."""
    pid = children.start(0, _python("raise SystemExit(3)"), os.environ)
    assert children.ended() == ProcessExit(0, pid, code=3)
    pid = children.start(1, _python("import os; os.kill(os.getpid(), 9)"), os.environ)
    assert children.ended() == ProcessExit(1, pid, signal=9)
    assert children.running == []


def test_signals_reach_those_that_run(children: Watched, tmp_path: Path) -> None:
    """A signal goes to every process that has not ended and is not spared, and to no other."""
    children.start(5, _python("pass"), os.environ)
    assert children.ended().code == 0
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    children.start(
        7, _python(f"import time; open({str(ready)!r}, 'w').close(); time.sleep(60)"), os.environ
    )
    ready.read_text()
    assert (children.started, children.running) == (2, [7])
    assert children.send(signal.SIGTERM, spared=7) == frozenset()
    assert children.send(signal.SIGTERM) == {7}
    ended = children.ended()
    assert (ended.process, ended.signal) == (7, signal.SIGTERM)
    assert children.send(signal.SIGTERM) == frozenset()


def test_what_a_process_left_behind_is_ended(children: Watched, tmp_path: Path) -> None:
    """A helper that outlives its process is ended with it."""
    pid_file = tmp_path / "pid"
    children.start(
        0,
        _python(f"""
            import subprocess, sys
            helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            open({str(pid_file)!r}, "w").write(str(helper.pid))
        """),
        os.environ,
    )
    assert children.ended().code == 0
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(pid_file.read_text())).wait(10)


def test_what_a_process_left_behind_is_killed_if_it_does_not_listen(
    children: Watched, tmp_path: Path
) -> None:
    """A forked helper may have inherited a handler of SIGTERM that does nothing in it."""
    pid_file = tmp_path / "pid"
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    children.start(
        0,
        _python(f"""
            import subprocess, sys
            command = [sys.executable, "-c", {deaf!r} + "; time.sleep(60)"]
            helper = subprocess.Popen(command, stdout=subprocess.PIPE)
            helper.stdout.readline()
            open({str(pid_file)!r}, "w").write(str(helper.pid))
        """),
        os.environ,
    )
    assert children.ended().code == 0
    children.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(pid_file.read_text())).wait(10)


def test_close_kills(children: Watched) -> None:
    """Closing ends what runs; it is safe twice."""
    children.start(0, _python("import time; time.sleep(60)"), os.environ)
    children.close()
    assert children.ended().signal == signal.SIGKILL
    children.close()


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the launcher, which no handler sees, ends its children too."""
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent("""
            import os, queue, sys
            from podlog.cluster.children import Children
            exits = queue.SimpleQueue()
            children = Children(exits.put)
            child = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
            print(children.start(0, child, os.environ), flush=True)
            exits.get()
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


def test_descriptors_are_passed_on(children: Watched) -> None:
    """A process inherits those that it is given, and no other."""
    inlet, outlet = os.pipe()
    code = f"import os; os.write({outlet}, b'hello')"
    children.start(0, _python(code), os.environ, pass_fds=(outlet,))
    os.close(outlet)
    assert os.read(inlet, 10) == b"hello"
    assert children.ended().code == 0
    os.close(inlet)

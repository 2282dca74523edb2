"""What every test gets: a bound, and a check that it leaves nothing behind."""

import os
import signal
import threading
import time
from collections.abc import Generator, Iterator

import psutil
import pytest

pytest_plugins = ["kit_jobs", "kit_exec", "kit_pods", "kit_far"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in a shell's background
    signal.signal(signal.SIGINT, signal.default_int_handler)

_ALLOWED_THREADS = ("pytest_timeout", "ThreadPoolExecutor", "pymysql", "asyncio_")


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Fails a test that leaves a thread, a child process or a listening port."""
    before = set(threading.enumerate())
    me = psutil.Process()
    children = {c.pid for c in me.children(recursive=True)}
    ports = _listening(me)
    yield
    deadline = time.monotonic() + 3
    while True:
        threads = [
            t
            for t in threading.enumerate()
            if t not in before and t.is_alive() and not t.name.startswith(_ALLOWED_THREADS)
        ]
        left = [c for c in me.children(recursive=True) if c.pid not in children and _runs(c)]
        opened = _listening(me) - ports
        if not threads and not left and not opened:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: threads {threads}, processes {left}, ports {opened}")
        threading.Event().wait(0.02)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _listening(process: psutil.Process) -> set[int]:
    return {c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test inherits a job, a proxy or a cluster from the machine it runs on."""
    for name in list(os.environ):
        if name.startswith(("PODLOG_", "SLURM_", "OMPI_", "JAX_", "TPU_")) or name.lower().endswith(
            "_proxy"
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Makes what was captured fit for the way from one of several test processes to the first."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report

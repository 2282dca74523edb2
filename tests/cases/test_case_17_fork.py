"""Case 17: a fork while the gRPC stream is busy hangs the child or the parent."""

import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from kit_tree import imports, package_sources

from podlog.proto.errors import ForkedError

STEPS = 100


def test_children_forked_while_the_stream_is_busy(make_pod: Callable[..., Any]) -> None:
    """Each child ends; in it every call says what to do; the parent's rows come once, in order."""
    pod = make_pod(2)
    for step in range(STEPS):
        for logger in pod.loggers:
            logger.log_host_metrics({"a": step}, step, mode="train")
        if step % 5 == 0:
            assert _forked(pod[step % 2]) == 0
    pod.finish()
    rows = [(row["log_step"], row["a"], row["_podlog"]["processes"]) for row in pod.rows("train")]
    assert rows == [(step, step, [0, 1]) for step in range(STEPS)]


def _forked(logger: Any) -> int:
    """The exit code of a child that logs, flushes and closes; fails the test if it hangs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jax and Python 3.12 warn of threads at any fork
        pid = os.fork()
    if pid == 0:
        os._exit(_in_child(logger))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError("a forked child hangs")


def _in_child(logger: Any) -> int:
    for call in (
        lambda: logger.log_host_metrics({"a": 1.0}, 1),
        lambda: logger.flush(5),
        logger.finalize,
        logger.close,
    ):
        try:
            call()
        except ForkedError:
            continue
        except BaseException:
            return 2
        return 1
    return 0


@pytest.mark.timeout(180)
def test_a_hundred_fork_pools_while_the_stream_is_busy(make_pod: Callable[..., Any]) -> None:
    """No pool hangs; both streams live on as they were; nothing was sent twice, or by a child."""
    pod = make_pod(2)
    assert all(pod.each(lambda logger: logger.flush(20)))
    made = []
    over = threading.Event()

    def busy() -> None:
        for step in range(100_000):
            for logger in pod.loggers:
                logger.log_host_metrics({"a": step}, step, mode="train")
            made.append(step)
            if over.wait(0.002):
                return

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(100):
            assert _pool() == [1, 4, 9]
    finally:
        over.set()
        thread.join()
    assert [logger.stats()["connects"] for logger in pod.loggers] == [1, 1]
    pod.finish()
    rows = [(row["log_step"], row["a"], row["_podlog"]["processes"]) for row in pod.rows("train")]
    assert rows == [(step, step, [0, 1]) for step in made]


def _pool() -> list[int]:
    """What a pool of forked children computes; fails the test if one hangs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jax and Python 3.12 warn of threads at any fork
        with multiprocessing.get_context("fork").Pool(1) as pool:
            return pool.map_async(_square, [1, 2, 3]).get(30)


def _square(number: int) -> int:
    return number * number


def test_grpc_is_imported_in_one_place() -> None:
    """Where its threads are kept out of forked children before it is loaded."""
    found = {path.name for path in package_sources() for i in imports(path) if is_grpc(i.module)}
    assert found == {"rpc.py"}


def is_grpc(module: str) -> bool:
    return module.split(".")[0] in ("grpc", "grpc_health")

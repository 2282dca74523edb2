"""Where a process is, asked in processes of their own: JAX has one pod a life."""

import os
import subprocess
import sys
import textwrap

import pytest

from podlog.cluster import address, env, where
from podlog.cluster.pod import lookup, publish, shared_host
from podlog.proto.errors import ConfigError, MisuseError


def _run(text: str, *processes: dict[str, str]) -> list[str]:
    """What the script prints in each of `processes` (further environment), all at once."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(text)],
            env={**os.environ, "JAX_PLATFORMS": "cpu", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for variables in processes
    ]
    try:
        done = [process.communicate(timeout=50) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    for process, (_, errors) in zip(started, done, strict=True):
        assert process.returncode == 0, errors
    return [output for output, _ in done]


def _pod(count: int) -> list[dict[str, str]]:
    port = address.free_port()
    return [env.child(env.Environment(), i, count, port, 1, {}) for i in range(count)]


def test_arguments_win() -> None:
    """Given index and count are taken as they are, without asking JAX."""
    place = where(3, 8)
    assert (place.process_index, place.process_count) == (3, 8)
    assert place.host


@pytest.mark.parametrize(("index", "count"), [(0, None), (None, 2), (2, 2), (-1, 2)])
def test_wrong_arguments(index: int | None, count: int | None) -> None:
    """One argument without the other, or an index out of range, is refused."""
    with pytest.raises(ConfigError):
        where(index, count)


def test_no_store_without_a_pod() -> None:
    """Outside a pod nothing is found, and publishing says what to do."""
    assert lookup("podlog/1/0", 0.01) is None
    assert shared_host() == ""
    with pytest.raises(MisuseError, match=r"after jax\.distributed\.initialize"):
        publish("podlog/1/0", "x")


def test_importing_does_not_import_jax() -> None:
    """The package is light: JAX is loaded by a call, not by the import."""
    (output,) = _run("import sys, podlog.cluster; print('jax' in sys.modules)", {})
    assert output == "False\n"


def test_single_process() -> None:
    """Alone, `initialize` does nothing, and asking for the place makes no backend."""
    (output,) = _run(
        """
        import podlog.cluster, jax
        from jax._src import xla_bridge
        podlog.cluster.initialize()
        place = podlog.cluster.where()
        print(place.process_index, place.process_count, jax.distributed.is_initialized(),
              xla_bridge.backends_are_initialized())
        """,
        {},
    )
    assert output == "0 1 False False\n"


def test_one_process_of_a_cluster() -> None:
    """A cluster that gives one process is a single process."""
    variables = _pod(1)
    (output,) = _run(
        """
        import podlog.cluster, jax
        podlog.cluster.initialize()
        print(podlog.cluster.where().process_count, jax.distributed.is_initialized())
        """,
        *variables,
    )
    assert output == "1 False\n"


@pytest.mark.processes
def test_pod_of_two() -> None:
    """Two processes join, know their places without a backend, and share a store."""
    outputs = _run(
        """
        import podlog.cluster
        from podlog.cluster import pod
        from jax._src import xla_bridge
        podlog.cluster.initialize(no_such_argument=1)
        podlog.cluster.initialize()
        place = podlog.cluster.where()
        pod.check(place)
        if place.process_index == 0:
            pod.publish("podlog/1/0", "old")
            pod.publish("podlog/1/0", "new")
            pod.publish("done", "1")
        assert pod.lookup("done", 30.0) == "1"
        print(place.process_index, place.process_count, pod.lookup("podlog/1/0", 30.0),
              pod.lookup("absent", 0.05), pod.shared_host(), xla_bridge.backends_are_initialized())
        """,
        *_pod(2),
    )
    assert outputs == [f"{i} 2 new None 127.0.0.1 False\n" for i in range(2)]


def test_pod_not_joined() -> None:
    """In a pod that was not joined, the message names who describes it and the remedy."""
    (output,) = _run(
        """
        import podlog.cluster
        from podlog.proto.errors import MisuseError
        try:
            podlog.cluster.where()
        except MisuseError as error:
            print(error)
        """,
        _pod(2)[1],
    )
    assert "SLURM describes a pod of 2 processes" in output
    assert "create the Logger after jax.distributed.initialize()" in output
    assert "process_count=1" in output


@pytest.mark.processes
def test_joined_too_late() -> None:
    """A place that was asked for before the pod was joined is found out."""
    port = address.free_port()
    outputs = _run(
        f"""
        import os, jax
        from podlog.cluster import pod
        from podlog.proto.errors import MisuseError
        place = pod.where()
        jax.distributed.initialize("127.0.0.1:{port}", 2, int(os.environ["INDEX"]))
        try:
            pod.check(place)
        except MisuseError as error:
            print(error)
        """,
        {"INDEX": "0"},
        {"INDEX": "1"},
    )
    for index, output in enumerate(outputs):
        assert f"pod of 2 processes as process {index}" in output

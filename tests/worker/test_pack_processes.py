"""Packing what several real JAX processes hold together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import sys
import jax, jax.numpy as jnp, numpy as np
jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
from jax.sharding import NamedSharding, PartitionSpec as P
from podlog.worker.leaves import group_of
from podlog.worker.metrics import update_metrics
from podlog.worker.pack import pack_and_reset, pack_local
from podlog.worker.states import tree_states, value_states
from podlog.worker.values import Mean
me = jax.process_index()
mesh = jax.make_mesh((4,), ("data",))
whole, split = NamedSharding(mesh, P()), NamedSharding(mesh, P("data"))
"""


def run_pair(tmp_path, script):
    """Runs `script` as two JAX processes with two devices each; both must succeed."""
    path = tmp_path / "script.py"
    path.write_text(PRELUDE + textwrap.dedent(script))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    env = os.environ | {"JAX_NUM_CPU_DEVICES": "2", "NPROC": "32", "OMP_NUM_THREADS": "1"}
    outputs = [tmp_path / f"{i}.out" for i in range(2)]
    processes = []
    try:
        for i, output in enumerate(outputs):
            with output.open("wb") as out:
                command = [sys.executable, str(path), address, str(i)]
                processes.append(
                    subprocess.Popen(
                        command, stdout=out, stderr=out, env=env, start_new_session=True
                    )
                )
        codes = [process.wait(50) for process in processes]
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
    text = "\n".join(output.read_text() for output in outputs)
    assert codes == [0, 0], text
    return text


@pytest.mark.processes
def test_a_pod_trains_reads_and_resets(tmp_path):
    """Replicated metrics name all holders; the donated train step compiles once on each process."""
    run_pair(
        tmp_path,
        """
        def step(metrics, x):
            new = {"loss": {"value": x.sum(), "count": x.size, "log_modes": ("mean", "max")}}
            return update_metrics(metrics, new)

        shapes = jax.eval_shape(step, None, jnp.ones(8))
        zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        metrics = jax.device_put(zeros, whole)
        step = jax.jit(step, donate_argnums=0, out_shardings=whole)
        data = jax.make_array_from_callback((8,), split, lambda i: np.arange(8.0)[i])
        read = []
        for i in range(6):
            metrics = step(metrics, data)
            if i % 2:
                packed, metrics = pack_and_reset(metrics)
                read.append(packed)
        assert step._cache_size() == 1, step._cache_size()
        for packed in read:
            fetched = packed.fetch()
            states, problems = tree_states(fetched.tree, fetched.replicas)
            assert not problems and not fetched.problems
            assert [(s.metric.key, s.columns) for s in states] == [
                ("loss_max", (3.5,)), ("loss_mean", (56.0, 16))]
            assert all(s.metric.replicas == (0, 1) for s in states)
        """,
    )


@pytest.mark.processes
def test_an_array_spread_over_processes_is_a_problem(tmp_path):
    """It is named with key and sharding; the rest is read; it is zeroed without a new plan."""
    run_pair(
        tmp_path,
        """
        spread = jax.make_array_from_callback((4,), split, lambda i: np.ones(4)[i])
        good = jax.device_put(jnp.float32(3), whole)
        local = jnp.float32(me)
        for _ in range(3):
            packed, zeros = pack_and_reset({"spread": spread, "good": good, "local": local})
            fetched = packed.fetch()
            (problem,) = fetched.problems
            assert problem.key == "spread" and "spec=" in problem.reason, problem
            assert fetched.tree == {"good": 3.0, "local": me}
            assert fetched.replicas == {("good",): (0, 1)}
            assert zeros["spread"].sharding == split
            assert zeros["good"].sharding == whole
            assert zeros["local"].sharding == local.sharding
        """,
    )


@pytest.mark.processes
def test_one_process_alone_may_read_its_copies(tmp_path):
    """pack_local on one process only returns; its arrays need nobody else."""
    run_pair(
        tmp_path,
        """
        lr = jax.device_put(jnp.float32(0.5), whole)
        spread = jax.make_array_from_callback((4,), split, lambda i: np.ones(4)[i])
        if me == 1:
            for _ in range(50):
                metrics = {"lr": lr, "acc": Mean(jnp.int32(3), 4), "s": spread, "m": Mean(lr, 2)}
                fetched = pack_local(metrics).fetch()
            states, problems = value_states(fetched.tree, {}, fetched.replicas)
            assert [p.key for p in fetched.problems] == ["s"] and not problems
            assert {s.metric.key: s.metric.replicas for s in states} == {
                "lr": (0, 1), "acc": (), "m": ()}
            assert group_of(lr) == (0, 1) and group_of(jnp.ones(2)) == ()
        """,
    )


@pytest.mark.processes
def test_arrays_split_over_local_devices(tmp_path):
    """What one process holds on several devices, split or not, of any axis type, comes home."""
    run_pair(
        tmp_path,
        """
        from jax.sharding import AxisType
        for kind in (AxisType.Explicit, AxisType.Auto):
            here = jax.make_mesh((2,), ("x",), (kind,), devices=jax.local_devices())
            tree = {
                "split": jax.device_put(jnp.arange(4.0), NamedSharding(here, P("x"))),
                "flag": jax.device_put(jnp.array([True, False]), NamedSharding(here, P("x"))),
                "whole": jax.device_put(jnp.float32(7), NamedSharding(here, P())),
                "other": jax.device_put(jnp.ones(3), NamedSharding(here, P())),
                "second": jax.device_put(jnp.float32(2), jax.local_devices()[1]),
            }
            packed, zeros = pack_and_reset(tree)
            for fetched in (packed.fetch(), pack_local(tree).fetch()):
                assert not fetched.problems and not fetched.replicas
                assert {k: np.asarray(v).tolist() for k, v in fetched.tree.items()} == {
                    "split": [0, 1, 2, 3], "flag": [True, False], "whole": 7, "other": [1, 1, 1],
                    "second": 2}
            for key, leaf in tree.items():
                assert (zeros[key].sharding, zeros[key].aval) == (leaf.sharding, leaf.aval), key
        """,
    )

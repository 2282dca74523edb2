"""When JAX compiles: what its listener makes of real compiles and of made-up events."""

import os
import threading
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import pytest
from jax import monitoring

from podlog.worker.compiles import Compiles

TRACE = "/jax/core/compile/jaxpr_trace_duration"
LOWER = "/jax/core/compile/jaxpr_to_mlir_module_duration"
BACKEND = "/jax/core/compile/backend_compile_duration"


class Seen:
    """Takes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[bool, int]] = []

    def compile_began(self, thread: int, now: float) -> None:
        self.told.append((True, thread))

    def compile_ended(self, thread: int, now: float) -> None:
        self.told.append((False, thread))

    @property
    def turns(self) -> list[bool]:
        return [began for began, _ in self.told]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def compiles(seen: Seen) -> Iterator[Compiles]:
    made = Compiles()
    made.watch(seen)
    yield made
    made.unwatch(seen)


def test_real(compiles: Compiles, seen: Seen) -> None:
    """A first call is told in whole pairs, also with jits inside it; a cached one is not."""
    inner = jax.jit(lambda x: jnp.sin(x) * 3)
    outer = jax.jit(lambda x: inner(x) + inner(x * 2))
    value = jnp.ones(7)
    seen.told.clear()
    outer(value)
    assert seen.turns and seen.turns == [True, False] * (len(seen.turns) // 2)
    assert {thread for _, thread in seen.told} == {threading.get_ident()}
    seen.told.clear()
    outer(value)
    assert not seen.told


def test_failed_trace(compiles: Compiles, seen: Seen) -> None:
    """A trace that raises has an end too."""

    def broken(x: object) -> object:
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        jax.jit(broken)(1.0)
    assert seen.turns == [True, False]


def test_threads(compiles: Compiles, seen: Seen) -> None:
    """Each thread has its own compiles, one inside another's."""
    monitoring.record_scalar(BACKEND, 0.0)
    other = threading.Thread(target=lambda: jax.jit(lambda x: x * 41)(2.0))
    other.start()
    other.join()
    monitoring.record_event_duration_secs(BACKEND, 1.0)
    mine = [began for began, thread in seen.told if thread == threading.get_ident()]
    assert mine == [True, False]
    assert len(seen.told) > 2


def test_other_events(compiles: Compiles, seen: Seen) -> None:
    """Checkpoints and caches say things too, and an end without a beginning is none."""
    monitoring.record_scalar("/jax/orbax/write/gbytes", 1.0)
    monitoring.record_event_duration_secs("/jax/compilation_cache/cache_retrieval_time_sec", 1.0)
    compiles._says_begin = True
    monitoring.record_event_duration_secs(BACKEND, 1.0)
    assert not seen.told


def test_without_beginnings(compiles: Compiles, seen: Seen) -> None:
    """JAX 0.6 tells ends only: the trace's end begins a compile, the last stage's ends it."""
    for event in (TRACE, TRACE, LOWER, BACKEND, TRACE, LOWER, BACKEND):
        monitoring.record_event_duration_secs(event, 1.0)
    assert seen.turns == [True, False, True, False]


def test_never_raises(compiles: Compiles) -> None:
    """A watcher that raises does not come out of the user's call."""

    class Bad(Seen):
        def compile_began(self, thread: int, now: float) -> None:
            raise RuntimeError("boom")

    bad = Bad()
    compiles.watch(bad)
    assert float(jax.jit(lambda x: x + 17)(1.0)) == 18
    compiles.unwatch(bad)


def test_one_listener(seen: Seen) -> None:
    """However many Loggers watch, JAX has one listener, and none when they are gone."""
    made, others = Compiles(), [Seen() for _ in range(5)]
    before = _listeners()
    for other in others:
        made.watch(other)
    assert _listeners() == before + 2
    for other in others:
        made.unwatch(other)
        made.unwatch(other)
    assert _listeners() == before
    jax.jit(lambda x: x + 19)(1.0)
    assert not any(other.told for other in others)


def test_cleared_by_others(seen: Seen) -> None:
    """Someone cleared all listeners: unwatching does not raise."""
    made = Compiles()
    made.watch(seen)
    monitoring.unregister_scalar_listener(made._began)
    monitoring.unregister_event_duration_listener(made._ended)
    made.unwatch(seen)


@pytest.mark.filterwarnings("ignore")
def test_fork(compiles: Compiles, seen: Seen) -> None:
    """A forked child tells nobody: the locks of those who watch did not survive."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        monitoring.record_scalar(BACKEND, 0.0)
        os.write(write, b"told" if seen.told else b"none")
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        assert answer.read() == b"none"
    os.waitpid(child, 0)
    monitoring.record_scalar(BACKEND, 0.0)
    assert seen.turns == [True], "the parent goes on watching"


def _listeners() -> int:
    from jax._src import monitoring as inside

    return len(inside.get_scalar_listeners()) + len(inside.get_event_duration_listeners())

"""Which process of the pod am I, and how do I join it.

All use of what JAX keeps private is in this file. Nothing here creates a
backend, except `initialize`, which joins the pod on purpose.
"""

import dataclasses
import inspect
import logging
import socket
from typing import Any

from ..proto.errors import ConfigError, MisuseError
from . import env

_log = logging.getLogger(__name__)

_PREEMPTION_KEY = "RECEIVED_PREEMPTION_NOTICE"

_REMEDY = (
    "create the Logger after jax.distributed.initialize() (or podlog.cluster.initialize(), which "
    "does nothing in a single process); if these processes are no pod, pass process_index=0 and "
    "process_count=1"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A process's place in its pod.

    Attributes:
        process_index: 0 … process_count - 1.
        process_count: number of processes of the job.
        host: name of the machine.
    """

    process_index: int
    process_count: int
    host: str


def where(process_index: int | None = None, process_count: int | None = None) -> Place:
    """This process's place: the arguments, else what JAX knows, else a single process.

    Creates no backend: JAX's distributed state is asked first, a backend only
    if there is one.

    Args:
        process_index: overrides JAX's; needs `process_count`.
        process_count: overrides JAX's; needs `process_index`.

    Raises:
        ConfigError: one argument without the other, or an index out of range.
        MisuseError: the environment describes a pod that was not joined yet.
    """
    host = socket.gethostname()
    if process_index is not None or process_count is not None:
        return _given(process_index, process_count, host)

    import jax

    state = joined()
    if state is not None:
        return Place(int(state.process_id), int(state.num_processes), host)

    pod = env.described()
    if _has_backend():
        place = Place(jax.process_index(), jax.process_count(), host)
        if place.process_count > 1:
            return place
    if pod is not None and (pod.processes or 1) > 1:
        raise MisuseError(
            f"{pod.by} describes a pod of {pod.processes} processes, which this process on {host} "
            f"has not joined: {_REMEDY}"
        )
    return Place(0, 1, host)


def _given(index: int | None, count: int | None, host: str) -> Place:
    if index is None or count is None:
        raise ConfigError("process_index and process_count are given together or not at all")
    if not 0 <= index < count:
        raise ConfigError(f"process_index {index} is not below process_count {count}")
    return Place(index, count, host)


def check(place: Place) -> None:
    """Raises if the process joined a pod after its `place` was asked for.

    Raises:
        MisuseError: `place` is that of a single process, and JAX says otherwise.
    """
    state = joined()
    if place.process_count == 1 and state is not None and int(state.num_processes) > 1:
        raise MisuseError(
            f"this Logger was made before its process joined a pod of {state.num_processes} "
            f"processes as process {state.process_id}: {_REMEDY}"
        )


def initialize(**kwargs: Any) -> None:
    """Joins the pod that the launcher or the cluster describes.

    Does nothing if the pod is joined already, or if nothing describes one and
    no argument is given, so that one script runs alone and in a pod. Call it
    before any other use of JAX. Under a launcher of podlog, an exception before
    the Logger is made then ends this process at once, with status 1.

    Args:
        **kwargs: for ``jax.distributed.initialize``; those that the installed
            JAX does not know are left out with a warning.
    """
    from . import early

    if joined() is None:
        pod = env.described()
        alone = pod is None or pod.processes == 1
        if alone and not kwargs and not env.has_tpu():
            return
        _join(kwargs)
    early.arm()


def _join(kwargs: dict[str, Any]) -> None:
    import jax

    known = inspect.signature(jax.distributed.initialize).parameters
    for name in sorted(kwargs.keys() - known.keys()):
        _log.warning("jax %s has no argument %r of initialize: left out", jax.__version__, name)
    jax.distributed.initialize(**{k: v for k, v in kwargs.items() if k in known})


def joined() -> Any:
    """JAX's distributed state if ``jax.distributed.initialize`` was called, else None."""
    from jax._src import distributed

    state: Any = distributed.global_state
    return state if state.client is not None else None


def _has_backend() -> bool:
    from jax._src import xla_bridge

    return bool(xla_bridge.backends_are_initialized())


def publish(key: str, value: str) -> None:
    """Sets `key` in JAX's key-value store, which all processes of the pod read.

    Raises:
        MisuseError: there is no store, since the pod was not joined through JAX.
    """
    state = joined()
    if state is None:
        raise MisuseError(f"no key-value store for {key}: {_REMEDY}")
    state.client.key_value_set(key, value, allow_overwrite=True)


def lookup(key: str, timeout: float) -> str | None:
    """The value of `key` in JAX's store, or None if it does not come in time.

    Blocks without holding the GIL; needs no backend; thread-safe.

    Args:
        key: what `publish` was given.
        timeout: seconds to wait for it.
    """
    state = joined()
    if state is None:
        return None
    try:
        return str(state.client.blocking_key_value_get(key, max(1, int(timeout * 1000))))
    except RuntimeError as error:
        _log.debug("key-value store, %s: %s", key, error)
        return None


def preempted() -> str | None:
    """JAX's notice that the job is about to be preempted, or None; does not wait.

    JAX's own handler of SIGTERM puts it into the store; to read it takes part in nothing.
    """
    state = joined()
    if state is None:
        return None
    try:
        notice = state.client.key_value_try_get(_PREEMPTION_KEY)
    except (AttributeError, RuntimeError):  # not there, or the store is gone
        return None
    return f"JAX's preemption notice ({notice})"


def handles_sigterm() -> bool:
    """Whether JAX has put its own handler of SIGTERM in place."""
    state = joined()
    return getattr(state, "preemption_sync_manager", None) is not None


def shared_host() -> str:
    """A name of process 0's machine that all processes can reach; "" if JAX knows none."""
    state = joined()
    address = "" if state is None else str(state.coordinator_address or "")
    return address.rsplit(":", 1)[0].strip("[]")

"""What a leaf of a metrics tree may be."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .columns import Group


@dataclasses.dataclass(frozen=True, slots=True)
class LeafKind:
    """What to do with a leaf.

    Attributes:
        device: it is an array that a jitted call can take.
        reason: why its value cannot be logged; "" if it can.
        group: process indices that hold a copy, if several do.
        lasting: it holds for all leaves of the same type and sharding.
    """

    device: bool
    reason: str = ""
    group: Group = ()
    lasting: bool = True


_HOST = LeafKind(device=False)


def sort_out(leaf: Any) -> LeafKind:
    """What `leaf` is; never raises."""
    if not isinstance(leaf, jax.Array):
        return _HOST
    if isinstance(leaf, jax.core.Tracer):
        return LeafKind(
            False, f"a tracer of {leaf.aval}: log outside of jit, grad and vmap", lasting=False
        )
    if jnp.issubdtype(leaf.dtype, jax.dtypes.extended):
        return LeafKind(
            False, f"an array of {leaf.dtype}: log jax.random.key_data or nothing of it"
        )
    if leaf.is_deleted():
        return LeafKind(
            False,
            "an array that has been deleted: it was donated to a later step; log it before",
            lasting=False,
        )
    if leaf.is_fully_addressable:
        return LeafKind(True)
    if leaf.is_fully_replicated:
        return LeafKind(True, group=group_of(leaf))
    return LeafKind(
        True,
        f"an array of shape {leaf.shape} spread over processes ({leaf.sharding}): reduce it or "
        "replicate it inside the jitted step",
    )


def group_of(array: jax.Array) -> Group:
    """The process indices that hold `array`; () if it is this process alone."""
    return _group(array.sharding)


@functools.lru_cache(maxsize=256)
def _group(sharding: jax.sharding.Sharding) -> Group:
    devices: Any = sharding.device_set
    processes = sorted({device.process_index for device in devices})
    return tuple(processes) if len(processes) > 1 else ()


def device_group(leaf: jax.Array) -> Any:
    """Leaves with equal groups can be arguments of one jitted call."""
    sharding = leaf.sharding
    if isinstance(sharding, jax.sharding.NamedSharding):
        devices: Any = tuple(sharding.mesh.devices.flat)
    else:
        devices = frozenset(sharding.device_set)
    return devices, leaf.committed


def local(leaf: jax.Array) -> jax.Array:
    """This process's copy of an addressable or replicated array."""
    if leaf.is_fully_replicated and len(leaf.sharding.device_set) > 1:
        return leaf.addressable_data(0)
    return leaf


def held(value: Any) -> Any:
    """A host value that its owner cannot change any more."""
    return np.array(value) if isinstance(value, np.ndarray) else value


def zero(value: Any) -> Any:
    """A host value's zero; what is no number stays."""
    if isinstance(value, np.ndarray):
        return np.zeros_like(value)
    if isinstance(value, bool | int | float | complex | np.number | np.bool_):
        return type(value)(0)
    return value

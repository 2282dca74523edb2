"""Many small arrays as a few vectors, in one jitted call."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """One leaf of a tree: where it stands, a sample of it, and whether it is packed."""

    index: int
    leaf: jax.Array
    packed: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    """Where a leaf lies: `vector[at : at + size]`, and what it was."""

    index: int
    vector: int
    at: int
    size: int
    shape: tuple[int, ...]
    boolean: bool


class Packer:
    """Packs leaves that live on the same devices; keeps no reference to them.

    Types narrower than 32 bits are widened, so that most trees are two vectors.

    Attributes:
        inputs: indices of the leaves that `call` takes, in order.
    """

    def __init__(self, slots: Sequence[Slot], *, reset: bool) -> None:
        """Plans the call.

        Args:
            slots: the leaves.
            reset: whether zeros are made for all of them.
        """
        self.inputs = tuple(slot.index for slot in slots)
        dtypes = [_widened(slot.leaf.dtype) for slot in slots]
        self._members = _grouped(slots, dtypes)
        self._empty = [
            (s.index, np.zeros(s.leaf.shape, dtypes[i]))
            for i, s in enumerate(slots)
            if s.packed and not s.leaf.size
        ]
        self._parts = tuple(self._layout(slots))
        self._scalars = any(part.shape == () for part in self._parts)
        self._call = _jitted(slots, self._members) if reset else None

    def _layout(self, slots: Sequence[Slot]) -> Any:
        for vector, (_, members) in enumerate(self._members):
            at = 0
            for i in members:
                leaf = slots[i].leaf
                size = math.prod(leaf.shape)
                yield _Part(slots[i].index, vector, at, size, leaf.shape, leaf.dtype == np.bool_)
                at += size

    def call(self, leaves: list[jax.Array]) -> tuple[list[jax.Array], list[jax.Array]]:
        """The vectors, and zeros for all leaves (or nothing); does not wait."""
        if self._call is not None:
            vectors, zeros = self._call(leaves)
            return vectors, zeros
        return (_pack_only(leaves, self._members) if self._members else []), []

    def unpack(self, vectors: Sequence[jax.Array]) -> Mapping[int, Any]:
        """The leaves on the host by index, those of shape () as Python numbers; waits."""
        host = [
            np.asarray(v if v.is_fully_addressable else v.addressable_data(0)).ravel()
            for v in vectors
        ]
        numbers = [vector.tolist() for vector in host] if self._scalars else []
        values: dict[int, Any] = dict(self._empty)
        for part in self._parts:
            if part.shape == ():
                number = numbers[part.vector][part.at]
                values[part.index] = bool(number) if part.boolean else number
                continue
            value = host[part.vector][part.at : part.at + part.size].reshape(part.shape)
            values[part.index] = value.astype(np.bool_) if part.boolean else value
        return values


def _widened(dtype: Any) -> np.dtype[Any]:
    if jnp.issubdtype(dtype, jnp.floating):
        return np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)
    if dtype.itemsize < 4:
        return np.dtype(np.int32)
    plain: np.dtype[Any] = np.dtype(dtype)
    return plain


def _grouped(slots: Sequence[Slot], dtypes: Sequence[np.dtype[Any]]) -> "_Members":
    """Which slots lie in which vector: by type; a leaf split over devices lies alone."""
    groups: dict[Any, list[int]] = {}
    for i, slot in enumerate(slots):
        if slot.packed and slot.leaf.size:
            alone = None if slot.leaf.is_fully_replicated else i
            groups.setdefault((dtypes[i], alone), []).append(i)
    return tuple((str(dtype), tuple(members)) for (dtype, _), members in groups.items())


_EVERYWHERE: Any = jax.sharding.PartitionSpec()  # type: ignore[no-untyped-call]

_Members = tuple[tuple[str, tuple[int, ...]], ...]


def _concatenated(leaves: Sequence[jax.Array], members: _Members) -> list[jax.Array]:
    return [_vector([leaves[i].astype(dtype) for i in indices]) for dtype, indices in members]


def _vector(leaves: Sequence[jax.Array]) -> jax.Array:
    # The copy keeps a lone leaf from being returned as the very array that came in,
    # which the next train step may donate.
    return jnp.concatenate([leaf.ravel() for leaf in leaves]) if leaves[1:] else jnp.copy(leaves[0])


_pack_only = jax.jit(_concatenated, static_argnums=1)


def _jitted(slots: Sequence[Slot], members: _Members) -> Any:
    def run(leaves: list[jax.Array]) -> tuple[list[jax.Array], list[jax.Array]]:
        return _concatenated(leaves, members), [jnp.zeros_like(leaf) for leaf in leaves]

    if not slots[0].leaf.committed:
        return jax.jit(run)
    shardings = [slot.leaf.sharding for slot in slots]
    vectors = [shardings[i[0]] if len(i) == 1 else _replicated(shardings[i[0]]) for _, i in members]
    return jax.jit(run, out_shardings=(vectors, shardings))


def _replicated(sharding: jax.sharding.Sharding) -> jax.sharding.Sharding:
    if isinstance(sharding, jax.sharding.NamedSharding):
        return jax.sharding.NamedSharding(sharding.mesh, _EVERYWHERE)
    return sharding

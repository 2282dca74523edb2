"""What a process holds open for itself alone: a forked child lets go of it at once."""

import contextlib
import os
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

Thing = TypeVar("Thing")

_held: "weakref.WeakKeyDictionary[Any, Callable[[Any], object]]" = weakref.WeakKeyDictionary()


def in_child(thing: Thing, leave: Callable[[Thing], object]) -> None:
    """Has each forked child begin with ``leave(thing)``, for as long as there is the thing.

    Args:
        thing: hashed by identity, and kept alive by others.
        leave: lets go of the child's copy and leaves the parent's as it is: it
            closes and does not unlock. An OSError of it is passed over.
    """
    _held[thing] = leave


def _leave() -> None:
    for thing, leave in list(_held.items()):
        with contextlib.suppress(OSError):
            leave(thing)


os.register_at_fork(after_in_child=_leave)

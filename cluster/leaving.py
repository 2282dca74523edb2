"""`sys.exit`: that it was called, and whether it did end the program."""

import dis
import sys
from collections.abc import Callable
from types import FrameType


class Leaving:
    """A call of ``sys.exit`` on the main thread; made in it.

    Args:
        status: what it was called with.
    """

    def __init__(self, status: object) -> None:
        self.status = status
        self._outermost = _outermost(sys._getframe())

    @property
    def ended(self) -> bool:
        """Whether nobody caught it: the main program has ended without coming to a return."""
        code = self._outermost.f_code.co_code
        return not dis.opname[code[self._outermost.f_lasti]].startswith("RETURN")


def set_exit(hook: Callable[..., object]) -> None:
    """Puts `hook` in the place of ``sys.exit``."""
    setattr(sys, "exit", hook)  # noqa: B010 - the type checker takes no other sys.exit


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame

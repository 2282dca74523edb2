"""How a process is left: by an uncaught exception, or by `sys.exit`, seen as it happens."""

import dis
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


class Hooks:
    """Stand in the place of ``sys.excepthook`` and ``sys.exit``, and chain what was there.

    Args:
        excepthook, exit: what to put there.

    Attributes:
        excepthook, exit: what was there, for those to call.
    """

    def __init__(self, excepthook: Callable[..., None], exit: Callable[..., None]) -> None:
        self.excepthook: Callable[..., Any] = sys.excepthook
        self.exit: Callable[..., Any] = sys.exit
        self._ours = excepthook, exit  # kept: a bound method is made anew at each access

    def install(self) -> None:
        """Puts them there."""
        self.excepthook, self.exit = sys.excepthook, sys.exit
        sys.excepthook = self._ours[0]
        _set_exit(self._ours[1])

    def remove(self) -> None:
        """Puts back what was there; where others were chained behind, ours stays. Safe twice."""
        if sys.excepthook is self._ours[0]:
            sys.excepthook = self.excepthook
        if sys.exit is self._ours[1]:
            _set_exit(self.exit)


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


def exit_code(status: object) -> int:
    """The exit code of a process that leaves with `status`, whatever ``sys.exit`` takes."""
    return int(status) & 0xFF if isinstance(status, int) else int(status is not None)


def _set_exit(hook: Callable[..., object]) -> None:
    setattr(sys, "exit", hook)  # noqa: B010 - the type checker takes no other sys.exit


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame

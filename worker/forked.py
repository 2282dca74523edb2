"""Locks and threads do not survive a fork: say so instead of hanging."""

import os

from ..proto.errors import ForkedError


class Home:
    """Remembers the process in which a Logger was made. Thread-safe."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    @property
    def here(self) -> bool:
        """Whether the caller is in that process."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Call it before taking a lock.

        Raises:
            ForkedError: the caller is in a forked child.
        """
        if os.getpid() != self._pid:
            raise ForkedError(
                f"this Logger belongs to process {self._pid} and does not work in its forked child "
                f"{os.getpid()}; log in the parent, or start the child with 'spawn'"
            )

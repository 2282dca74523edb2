"""An open file that is there to be locked."""

import contextlib
import fcntl
import os
from pathlib import Path

from ..proto import forks


class LockFile:
    """Opened, and made if it is not there; whoever opens it locks `fd` and frees it.

    A forked child must not hold the lock when its parent is gone: it gives its
    copy up at once.

    Attributes:
        fd: its descriptor; -1: it is free.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        forks.in_child(self, LockFile._close)

    @property
    def there(self) -> bool:
        """Whether its path still leads to it, for all that can be seen."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self.fd))
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def free(self) -> None:
        """Unlocks it, even if a forked child still has it open, and closes it; safe twice."""
        if self.fd >= 0:
            with contextlib.suppress(OSError):
                fcntl.flock(self.fd, fcntl.LOCK_UN)
            self._close()

    def _close(self) -> None:
        fd, self.fd = self.fd, -1
        with contextlib.suppress(OSError):
            os.close(fd)

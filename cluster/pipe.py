"""The pipe on which a wrapped process tells its launcher how the coordinator is reached.

The launcher of a process that finds its coordinator in JAX's key-value store
cannot look there itself: the Logger that did writes a line, one `Contact` as
JSON, to a pipe that it inherited. The pipe's name is its descriptor and inode:
in a process that inherited the name but not the pipe, nothing is written.
"""

import contextlib
import logging
import os
import select
import stat

from ..proto.contact import Contact
from ..proto.errors import ConfigError

_log = logging.getLogger(__name__)

_READ = 64 << 10


class Inlet:
    """The launcher's side. Used by one thread at a time; `close` is safe twice.

    Attributes:
        name: what the wrapped process is told.
        outlet: the descriptor that it inherits.
    """

    def __init__(self) -> None:
        self._inlet, self.outlet = os.pipe()
        os.set_blocking(self._inlet, False)
        os.set_blocking(self.outlet, False)  # a Logger never waits for its launcher
        self.name = f"{self.outlet}:{os.fstat(self.outlet).st_ino}"
        self._known: Contact | None = None
        self._rest = b""
        self._over = False
        self._handed = False

    def handed(self) -> None:
        """The wrapped process has its end: ours goes."""
        if not self._handed:
            self._handed = True
            os.close(self.outlet)

    def contact(self, timeout: float = 0.0) -> Contact | None:
        """The newest contact that was told; if there is none yet, waits at most `timeout` s."""
        if not self._over and self._known is None:
            select.select([self._inlet], [], [], timeout)
        self._take()
        return self._known

    def close(self) -> None:
        """Nothing more is read."""
        self.handed()
        if not self._over:
            self._over = True
            os.close(self._inlet)

    def _take(self) -> None:
        while not self._over:
            try:
                data = os.read(self._inlet, _READ)
            except BlockingIOError:
                return
            if not data:
                self._over = True
                os.close(self._inlet)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                try:
                    self._known = Contact.from_json(line.decode(errors="replace"))
                except ConfigError as error:
                    _log.debug("on the pipe: %s", error)


def tell(name: str, contact: Contact) -> bool:
    """Writes to the pipe of that name, if this process has it; never waits or raises.

    Args:
        name: as the launcher said; "": there is no launcher to tell.
        contact: how the coordinator is reached.

    Returns:
        Whether it was written.
    """
    number, _, inode = name.partition(":")
    with contextlib.suppress(OSError, ValueError):
        found = os.fstat(int(number))
        if stat.S_ISFIFO(found.st_mode) and found.st_ino == int(inode):
            line = contact.to_json().encode() + b"\n"
            return os.write(int(number), line) == len(line)
    return False

"""Which processes of this machine are gone: by pid and start time."""

import dataclasses

from ..proto import podlog_pb2 as pb
from ..proto.alive import alive, boot_id


@dataclasses.dataclass(frozen=True, slots=True)
class _Watched:
    process: int
    pid: int
    started: float


class Pids:
    """The processes that can be watched from here. Owned by the state thread.

    A pid counts only if it was seen alive with its start time when it joined:
    one of another machine, or of another pid namespace, is never judged.
    """

    def __init__(self) -> None:
        self._boot_id = boot_id()
        self._watched: dict[int, _Watched] = {}

    def joined(self, hello: pb.Hello) -> None:
        """Watches the newest incarnation of a process, if it runs here."""
        watched = _Watched(hello.process, hello.pid, hello.pid_started)
        if hello.boot_id == self._boot_id and alive(watched.pid, watched.started):
            self._watched[hello.process] = watched
        else:
            self._watched.pop(hello.process, None)

    def watching(self) -> bool:
        """Whether there is anyone to watch."""
        return bool(self._watched)

    def gone(self, connected: set[int]) -> list[int]:
        """Processes that are not there any more; each is told once.

        One whose stream is open is not judged yet: what it sent last is still
        on its way.
        """
        found = [
            w.process
            for w in self._watched.values()
            if w.process not in connected and not alive(w.pid, w.started)
        ]
        for process in found:
            del self._watched[process]
        return found

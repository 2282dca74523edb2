"""Who takes part in a (mode, kind), from the rows that closed last."""

from collections.abc import Collection, Iterable

SPAN = 3
"""In none of so many closed rows: absent."""


class Attendance:
    """Counts closed rows without a process. Not thread-safe."""

    def __init__(self) -> None:
        self._missed: dict[int, int] = {}
        self._in_vain: dict[int, int] = {}

    def seen(self, process: int) -> None:
        """A record of the process came."""
        self._missed.pop(process, None)
        self._in_vain.pop(process, None)

    def closed(self, holders: Iterable[int], others: Iterable[int], vain: Collection[int]) -> None:
        """A row closed.

        Args:
            holders: who is in it.
            others: who else belongs to the job.
            vain: those of `others` that were waited for in vain.
        """
        for process in holders:
            self.seen(process)
        for process in others:
            self._missed[process] = self._missed.get(process, 0) + 1
            if process in vain:
                self._in_vain[process] = self._in_vain.get(process, 0) + 1
            else:
                self._in_vain.pop(process, None)

    def absent(self, process: int) -> bool:
        """Whether it is in none of the last rows."""
        return self._missed.get(process, 0) >= SPAN

    def hopeless(self, process: int) -> bool:
        """Whether the last rows all waited for it in vain, so that the next need not.

        An absent process that moves on through the steps is waited for until
        it is past: it may log every tenth step.
        """
        return self._in_vain.get(process, 0) >= SPAN

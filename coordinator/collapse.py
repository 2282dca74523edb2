"""Equal log lines of many processes become one: the pure half of ``output.log``."""

import collections
import dataclasses
import logging
import time
from collections.abc import Sequence

from ..proto.records import LogLine
from .takenstore import StoredLine

_Content = tuple[int, str, str]


@dataclasses.dataclass(slots=True)
class EqualLines:
    """A line that several processes wrote, the first of them at `since`."""

    number: int
    since: float
    lines: list[StoredLine]

    def text(self) -> str:
        """The line of ``output.log``, in local time, with its newline."""
        first = self.lines[0]
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(first.time))
        millis = int(first.time * 1000) % 1000
        level = logging.getLevelName(first.line.level)
        count = f" (x{len(self.lines)})" if len(self.lines) > 1 else ""
        who = ranks([line.process for line in self.lines])
        body = f"{level} {first.line.logger}: {first.line.message}{count}"
        return f"{stamp},{millis:03d} [R{who}] {body}\n"


class Collapse:
    """Holds lines for `window` seconds, so that their equals can join them.

    Lines come out in order of receipt, and each process's in its own order: a
    line joins an equal one only if its process has nothing newer held.

    Args:
        window: seconds for which a line waits for others; 0 holds nothing.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._groups: collections.deque[EqualLines] = collections.deque()
        self._made = 0
        self._newest: dict[_Content, EqualLines] = {}
        self._last: dict[int, int] = {}

    def add(self, line: StoredLine, now: float) -> None:
        """Takes a line that arrived `now`."""
        content = _content(line.line)
        group = self._newest.get(content)
        late = group is None or now - group.since >= self._window
        if group is None or late or group.number <= self._last.get(line.process, 0):
            self._made += 1
            group = self._newest[content] = EqualLines(self._made, now, [])
            self._groups.append(group)
        group.lines.append(line)
        self._last[line.process] = group.number

    def due(self, now: float, *, everything: bool = False) -> list[EqualLines]:
        """Lets go of what was held long enough, in order."""
        ready: list[EqualLines] = []
        while self._groups and (everything or now - self._groups[0].since >= self._window):
            group = self._groups.popleft()
            ready.append(group)
            content = _content(group.lines[0].line)
            if self._newest.get(content) is group:
                del self._newest[content]
        return ready

    def next_due(self) -> float | None:
        """When `due` has something to give, or None."""
        return self._groups[0].since + self._window if self._groups else None


def ranks(processes: Sequence[int]) -> str:
    """Process indices as people write them: ``0-3,7``."""
    parts: list[list[int]] = []
    for process in sorted(processes):
        if parts and parts[-1][-1] == process - 1:
            parts[-1][1:] = [process]
        else:
            parts.append([process])
    return ",".join("-".join(str(end) for end in part) for part in parts)


def named_all(processes: Sequence[int]) -> str:
    """One process or several, as people name them: ``processes 0-3,7``."""
    return f"process{'es' * (len(processes) > 1)} {ranks(processes)}"


def _content(line: LogLine) -> _Content:
    return line.level, line.logger, line.message

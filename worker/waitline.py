"""What waits for the disk: in order, bounded, the least needed given up first; pure."""

import dataclasses
from collections import deque
from collections.abc import Iterator

from ..proto.records import Draft, Kind

_SHED_FIRST = (Kind.HOST, Kind.LOG)
_OTHERS = Kind.STEP


@dataclasses.dataclass(slots=True, eq=False)
class Item:
    """What one call handed over.

    Attributes:
        number: its place, ascending.
        ticket: from `Handed.ticket`, or None.
        drafts: what is to be written.
        bytes: about what they take.
    """

    number: int
    ticket: int | None
    drafts: list[Draft]
    bytes: int


class WaitLine:
    """Items in order of their numbers. Not thread-safe.

    Attributes:
        bytes: what they take together.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._lines: dict[Kind, deque[Item]] = {kind: deque() for kind in (*_SHED_FIRST, _OTHERS)}

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    @property
    def first(self) -> int | None:
        """The lowest number."""
        return min((line[0].number for line in self._lines.values() if line), default=None)

    def put(self, item: Item) -> None:
        """Adds one at the end."""
        self._lines[_class(item)].append(item)
        self.bytes += item.bytes

    def take(self, most: int) -> list[Item]:
        """The next ones out of it, until they are `most` bytes."""
        items: list[Item] = []
        size = 0
        while size < most:
            line = min((x for x in self._lines.values() if x), key=_front, default=None)
            if line is None:
                break
            item = line.popleft()
            items.append(item)
            size += item.bytes
            self.bytes -= item.bytes
        return items

    def shed(self, over: int, newest: int) -> Iterator[Item]:
        """Gives the oldest up, host records first, then log lines, until `over` bytes are freed.

        Args:
            over: bytes.
            newest: the number of one that stays.
        """
        for line in self._lines.values():
            while line and over > 0 and line[0].number != newest:
                item = line.popleft()
                self.bytes -= item.bytes
                over -= item.bytes
                yield item


def _class(item: Item) -> Kind:
    kind = item.drafts[0].schema.kind if item.drafts else _OTHERS
    return kind if kind in _SHED_FIRST else _OTHERS


def _front(line: deque[Item]) -> int:
    return line[0].number

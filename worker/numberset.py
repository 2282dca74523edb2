"""A set of numbers that lie mostly side by side, as ranges; pure."""


class NumberSet:
    """Whole numbers, each added once. Not thread-safe.

    Attributes:
        count: how many numbers are in it.
    """

    def __init__(self) -> None:
        self.count = 0
        self._ends: dict[int, int] = {}
        self._starts: dict[int, int] = {}

    def __len__(self) -> int:
        """How many ranges there are."""
        return len(self._ends)

    def add(self, number: int) -> None:
        """Adds a number; it joins its neighbours."""
        start = end = number
        if number - 1 in self._starts:
            start = self._starts.pop(number - 1)
        if number + 1 in self._ends:
            end = self._ends.pop(number + 1)
        self._ends[start] = end
        self._starts[end] = start
        self.count += 1

    def take_from(self, start: int) -> int:
        """Takes the range that begins at `start` out; its last number, or ``start - 1``."""
        end = self._ends.pop(start, None)
        if end is None:
            return start - 1
        del self._starts[end]
        self.count -= end - start + 1
        return end

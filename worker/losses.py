"""Records that are lost before they got a number: counted by kind, with the reason; pure."""

from collections import Counter

from ..proto.records import Kind


class Losses:
    """What the next gap has to declare. Not thread-safe."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Kind]] = Counter()

    @property
    def count(self) -> int:
        """How many records."""
        return self._counts.total()

    def add(self, reason: str, kind: Kind) -> None:
        """One more; `reason` reads well before "3 host records"."""
        self._counts[reason, kind] += 1

    def cause(self) -> str:
        """All of them in words."""
        parts = []
        for reason in dict.fromkeys(reason for reason, _ in self._counts):
            kinds = [
                f"{count} {kind.label} record{'s' if count > 1 else ''}"
                for (why, kind), count in self._counts.items()
                if why == reason
            ]
            parts.append(f"{reason} {', '.join(kinds)}")
        return "; ".join(parts)

    def take(self) -> "Losses":
        """All until now; this one is empty then."""
        taken = Losses()
        taken._counts, self._counts = self._counts, Counter()
        return taken

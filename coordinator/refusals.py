"""Which streams the network door ended badly, and why: counted, named, bounded in memory."""

import collections
import logging

_log = logging.getLogger(__name__)

_USUAL = {"broken off"}
"""Kinds that every killed process makes, too: no warning of their own."""

MAX_NAMED = 1000
"""Kinds and peers that are counted apart; further peers are counted as "others"."""


class Refusals:
    """Counts by kind and by peer; the first of each is a line of the log. For one thread."""

    def __init__(self) -> None:
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def count(self, kind: str, who: str, text: str) -> None:
        """One more.

        Args:
            kind: a stable word: ``token``, ``malformed``, ``oversized``, ``refused``,
                ``full``, ``unread``, ``broken off``.
            who: the peer, without its port.
            text: what happened, for the log.
        """
        known = (kind, who) in self._counts
        if not known and len(self._counts) >= MAX_NAMED:
            self._counts[kind, "others"] += 1
            return
        self._counts[kind, who] += 1
        if not known:
            text = f"{who} ({kind}): {text[:1000]}; further ones are counted"
            _log.log(_level(kind), "%s", text)

    def of(self, kind: str) -> dict[str, int]:
        """How many of a kind, by peer."""
        return {who: n for (found, who), n in self._counts.items() if found == kind}

    def total(self, kind: str) -> int:
        """How many of a kind."""
        return sum(self.of(kind).values())

    def report(self) -> None:
        """Logs how many there were."""
        for (kind, who), number in sorted(self._counts.items()):
            _log.log(_level(kind), "in all: %d of %s (%s)", number, who, kind)


def _level(kind: str) -> int:
    return logging.INFO if kind in _USUAL else logging.WARNING

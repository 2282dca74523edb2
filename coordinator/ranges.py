"""Ranges of sequence numbers, first and last included."""

from collections.abc import Iterable

Range = tuple[int, int]


def union(ranges: Iterable[Range]) -> list[Range]:
    """The same numbers in ascending ranges that do not touch; empty ones are left out."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if last < first:
            continue
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def subtract(whole: Range, ranges: Iterable[Range]) -> list[Range]:
    """The numbers of `whole` that are in none of `ranges`."""
    found = []
    at = whole[0]
    for first, last in union(ranges):
        if first > whole[1]:
            break
        if first > at:
            found.append((at, first - 1))
        at = max(at, last + 1)
    if at <= whole[1]:
        found.append((at, whole[1]))
    return found


def count(ranges: Iterable[Range]) -> int:
    """How many numbers are in `ranges`, each once."""
    return sum(last - first + 1 for first, last in union(ranges))

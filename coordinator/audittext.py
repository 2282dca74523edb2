"""An audit as people and programs read it."""

import collections
import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence

from .audit import Audit, Life, Spooled
from .ranges import Range, count

_HEAD = ("process", "host", "incarnation", "attempt", "made", "stored", "superseded", "lost",
         "in a spool", "unaccounted")  # fmt: skip


def as_json(found: Audit) -> str:
    """The audit as one JSON object on one line; incarnations are hexadecimal."""
    values = dataclasses.asdict(found) | {"ok": found.ok}
    for life in values["lives"]:
        life["incarnation"] = f"{life['incarnation']:016x}"
        for loss in life["lost"]:
            del loss["incarnation"]
    return json.dumps(values, default=str)


def as_text(found: Audit) -> str:
    """The audit as a table, then what needs a word, then OK or what is missing."""
    state = "a live run, numbers grow" if found.live else "no coordinator is running"
    lines = [f"{found.run}: {state}"]
    lines += ["", *_table([_HEAD, *map(_cells, found.lives), *_total(found.lives)]), ""]
    lines += [f"lost: {text}" for life in found.lives for text in _lost(life)]
    lines += [f"in a spool: {text}" for life in found.lives for text in _spooled(life)]
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"damaged: {problem}" for problem in found.problems]
    lines += [f"unaccounted: {text}" for life in found.lives for text in _unaccounted(life)]
    return "\n".join([*lines, _verdict(found)])


def _cells(life: Life) -> tuple[str, ...]:
    numbers = (life.attempt, life.made, life.stored, life.superseded, *_counts(life))
    return (str(life.process), life.host, f"{life.incarnation:016x}", *map(str, numbers))


def _counts(life: Life) -> tuple[int, int, int]:
    """How many are lost, in a spool, unaccounted."""
    return (
        count((loss.first, loss.last) for loss in life.lost),
        count((each.first, each.last) for each in life.spooled),
        count(life.unaccounted),
    )


def _total(lives: Sequence[Life]) -> list[tuple[str, ...]]:
    if len(lives) < 2:
        return []
    sums = [(life.made, life.stored, life.superseded, *_counts(life)) for life in lives]
    return [("all", "", "", "", *(str(sum(each)) for each in zip(*sums, strict=True)))]


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        texts = (
            text.ljust(width) if at in (1, 2) else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(texts).rstrip()


def _who(life: Life) -> str:
    return f"process {life.process} on {life.host or 'an unknown host'}"


def _numbers(ranges: Iterable[Range]) -> str:
    return ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in ranges)


def _lost(life: Life) -> Iterator[str]:
    by_cause: dict[str, list[Range]] = collections.defaultdict(list)
    for loss in life.lost:
        by_cause[loss.cause].append((loss.first, loss.last))
    for cause, ranges in by_cause.items():
        yield f"{_who(life)}: {_numbers(ranges)}: {cause}"


def _spooled(life: Life) -> Iterator[str]:
    for each in life.spooled:
        where = "its memory" if each.path is None else each.path
        yield f"{_who(life)}: {_numbers([(each.first, each.last)])}: {where}, {_next(each)}"


def _next(each: Spooled) -> str:
    if each.live:
        return "its process is there and sends them"
    return "delivered at the next start with this log_path"


def _unaccounted(life: Life) -> Iterator[str]:
    if life.unaccounted:
        where = f"{life.spool} on {life.host}" if life.spool else "its memory: it had no spool"
        yield f"{_who(life)}: {_numbers(life.unaccounted)}: perhaps in {where}"


def _verdict(found: Audit) -> str:
    counts = [(0, 0, 0), *map(_counts, found.lives)]
    lost, waiting, missing = (sum(each) for each in zip(*counts, strict=True))
    if not found.ok:
        return f"NOT OK: {missing} records unaccounted for, {len(found.problems)} things damaged"
    text = f"OK: all {sum(life.made for life in found.lives)} records are accounted for"
    text += f", {lost} of them declared lost" if lost else ""
    return text + (f", {waiting} of them still in spools" if waiting else "")

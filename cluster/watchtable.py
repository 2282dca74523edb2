"""One line a process: the table of `podlog watch`."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from ..proto import podlog_pb2 as pb

WIDE = 110
"""Columns of the terminal from which there is room for all."""

STYLES = {
    "joining": "cyan",
    "running": "green",
    "stalled": "bold yellow",
    "disconnected": "yellow",
    "lost": "bold red",
    "done": "blue",
    "goodbye": "dim",
}
_WORST = ("lost", "stalled", "disconnected", "joining", "running", "done", "goodbye")
_WAITING = "waiting for"
_QUIET = frozenset({"joining", "running"})


class _Column(NamedTuple):
    """`wide` and `narrow`: most characters in a table of that kind."""

    name: str
    wide: int
    narrow: int
    number: bool = True


_COLUMNS = (
    _Column("#", 6, 4),
    _Column("host", 16, 8, False),
    _Column("state", 12, 12, False),
    _Column("step", 8, 7),
    _Column("lag", 6, 4),
    _Column("a step", 6, 6),
    _Column("phase", 16, 9, False),
    _Column("queue", 6, 5),
    _Column("NaN", 5, 3),
    _Column("skew", 7, 6),
)


def table(members: Sequence[pb.MemberView], width: int) -> Table:
    """The table of these processes, in their order.

    Args:
        members: each has a line.
        width: of the terminal; below `WIDE` the columns are narrower.
    """
    wide = width >= WIDE
    made = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False, width=width)
    for column in _COLUMNS:
        most = column.wide if wide else column.narrow
        if column.number:
            made.add_column(column.name, justify="right", no_wrap=True, max_width=most)
        else:
            made.add_column(column.name, no_wrap=True, max_width=most, overflow="ellipsis")
    made.add_column("last sign", no_wrap=True, ratio=1, overflow="ellipsis")
    for member in members:
        made.add_row(*_cells(member, wide))
    return made


def room(width: int) -> int:
    """How many characters of the last column are sure to be seen."""
    wide = width >= WIDE
    return width - sum((column.wide if wide else column.narrow) + 1 for column in _COLUMNS)


def worst(members: Sequence[pb.MemberView], most: int) -> list[pb.MemberView]:
    """At most `most` of them, those first that need a look; in order of index if all fit."""
    if len(members) <= most:
        return list(members)
    return sorted(members, key=_rank)[:most]


def last_sign(member: pb.MemberView, *, wide: bool = True) -> str:
    """What was seen of a process last, in words."""
    if member.state not in _QUIET:
        return member.reason
    if member.state == "joining":
        return member.reason or "none yet"
    ago = f"{span(member.heard_s)} ago"
    return f"heard {ago}" if wide else ago


def span(seconds: float) -> str:
    """A time of any length in at most six characters."""
    size = abs(seconds)
    if size < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if size < 99.5:
        return f"{seconds:.3g}s"
    if size < 5999.5:
        return f"{seconds:.0f}s"
    return f"{seconds / 3600:.1f}h" if size < 3600 * 99.5 else f"{seconds / 86400:.0f}d"


def _cells(member: pb.MemberView, wide: bool) -> Iterator[Text]:
    known = member.state != "joining"
    parts = [part for part in (member.mode, member.phase) if part]
    phase = "/".join(parts if wide else parts[-1:])
    style = STYLES.get(member.state, "")
    if member.reason.startswith(_WAITING):
        style = "yellow"
    yield Text(str(member.process))
    yield Text(_host(member.host, 16 if wide else 8))
    yield Text(member.state, style=style)
    yield Text(str(member.step) if known else "-")
    yield Text(str(member.lag) if known else "-", style="yellow" if member.lag else "")
    yield Text(span(member.step_s) if member.step_s else "-")
    yield Text(phase or "-")
    yield Text(str(member.backlog + member.pending))
    yield Text(str(member.nans), style="bold red" if member.nans else "")
    skewed = abs(member.skew_s) > 1.0
    skew = span(member.skew_s) if abs(member.skew_s) >= 0.0005 else "0"
    yield Text(f"+{skew}" if member.skew_s >= 0.0005 else skew, style="yellow" if skewed else "")
    yield Text(last_sign(member, wide=wide), style="" if member.state in _QUIET else style)


def _host(name: str, most: int) -> str:
    """Without its domain; of a long name the end, which tells hosts of a pod apart."""
    short = name if name.replace(".", "").isdecimal() else name.partition(".")[0]
    return (short if len(short) <= most else f"…{short[1 - most :]}") or "-"


def _rank(member: pb.MemberView) -> tuple[object, ...]:
    """The culprit before those that wait for it, then who is behind most."""
    state = _WORST.index(member.state) if member.state in _WORST else 0
    ended_well = member.state in ("done", "goodbye") and member.status == "success"
    if member.state in ("done", "goodbye") and not ended_well:
        state = 0
    waits = member.reason.startswith(_WAITING)
    return (state, waits, -member.lag, member.nans == 0, member.process)

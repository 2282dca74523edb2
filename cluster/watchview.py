"""What `podlog watch` shows: a Snapshot as people read it."""

import collections
import itertools
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from ..proto import podlog_pb2 as pb
from .watchtable import STYLES, last_sign, room, table, worst

_BAD = frozenset({"failure", "lost", "unfinished"})
_ORDER = tuple(STYLES)


def render(snapshot: pb.Snapshot, *, width: int, most: int, notes: Iterable[str] = ()) -> Group:
    """The whole view.

    Args:
        snapshot: how the job stands.
        width: columns of the terminal.
        most: how many processes get a line; of more the worst are shown.
        notes: lines about the watching itself.
    """
    shown = worst(snapshot.members, most)
    parts: list[RenderableType] = [*_head(snapshot), table(shown, width)]
    left = len(snapshot.members) - len(shown)
    if left:
        kept = {member.process for member in shown}
        others = [member for member in snapshot.members if member.process not in kept]
        parts.append(Text(f"and {left} more: {_counts(others)}", style="dim"))
    parts.append(Text(""))
    parts += _below(snapshot)
    parts += _reasons(shown, room(width))
    parts += [Text(note, style="yellow") for note in notes]
    parts += _verdict(snapshot)
    return Group(*parts)


def ranges(numbers: Iterable[int]) -> str:
    """Process indices as people write them: ``0 to 3, 7``."""
    texts = []
    for _, run in itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        first, last = found[0], found[-1]
        if last == first + 1:
            texts += [str(first), str(last)]
        else:
            texts.append(str(first) if first == last else f"{first} to {last}")
    return ", ".join(texts)


def _head(snapshot: pb.Snapshot) -> Iterator[Text]:
    name = snapshot.run_id or "no run is open yet"
    line = Text.assemble(("run " if snapshot.run_id else "", ""), (name, "bold"))
    if snapshot.attempt:
        line.append(f", attempt {snapshot.attempt}")
    if snapshot.job_id:
        line.append(f", job {snapshot.job_id[:8]}")
    if snapshot.started:
        line.append(f", {_clock(snapshot.time - snapshot.started)}")
    yield line
    if snapshot.log_path:
        yield Text(snapshot.log_path, style="dim", overflow="ellipsis", no_wrap=True)


def _below(snapshot: pb.Snapshot) -> Iterator[Text]:
    steps = f"global step {snapshot.step_min}"
    if snapshot.step_max > snapshot.step_min:
        skew = snapshot.step_max - snapshot.step_min
        steps += f" to {snapshot.step_max} (skew {skew})"
    many = len(snapshot.members)
    counts = f"{many} process{'es' * (many != 1)}: {_counts(snapshot.members)}"
    yield Text(f"{steps}, {snapshot.rows} rows; {counts}")
    if snapshot.tools:
        yield _tools(snapshot.tools)
    if snapshot.stop:
        yield Text(f"stop: {snapshot.stop}", style="bold yellow")
    for finding in snapshot.findings:
        yield Text(finding, style="yellow")


def _tools(tools: Sequence[pb.ToolView]) -> Text:
    line = Text("tools: ")
    for number, tool in enumerate(tools):
        if number:
            line.append(", ")
        line.append(tool.name, style="red" if tool.problem else "green")
        if tool.behind:
            line.append(f" {tool.behind} behind")
        if tool.skipped:
            line.append(f", {tool.skipped} skipped")
        if tool.problem:
            line.append(f" ({tool.problem})", style="red")
    return line


def _reasons(members: Iterable[pb.MemberView], room: int) -> Iterator[Text]:
    """Those that the table may have cut, but no success; one line for all with the same."""
    by_reason: dict[tuple[str, str], list[int]] = collections.defaultdict(list)
    for member in members:
        well = member.state in ("done", "goodbye") and member.status == "success"
        if last_sign(member) == member.reason and not well:
            by_reason[member.state, member.reason].append(member.process)
    for (state, reason), processes in by_reason.items():
        if len(reason) > room:
            who = f"process{'es' * (len(processes) > 1)} {ranges(processes)}"
            yield Text(f"{who} {state}: {reason}", style=STYLES.get(state, ""))


def _verdict(snapshot: pb.Snapshot) -> Iterator[Text]:
    found = snapshot.verdict
    cause = f": {found.root_cause}" if found.root_cause else ""
    if found.final or snapshot.settled:
        good = found.status == "success"
        style = "bold green" if good else "bold red" if found.status in _BAD else "bold yellow"
        yield Text(f"verdict: {found.status}{cause}", style=style)
    elif cause:
        waiting = f"; not final, waiting for {ranges(found.waiting_for)}"
        yield Text(f"so far{cause}{waiting if found.waiting_for else ''}", style="red")


def _counts(members: Iterable[pb.MemberView]) -> str:
    counts = collections.Counter(member.state for member in members)
    known = [*_ORDER, *sorted(counts.keys() - set(_ORDER))]
    return ", ".join(f"{counts[state]} {state}" for state in known if counts[state])


def _clock(seconds: float) -> str:
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86400)
    text = f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {text}" if days else text

"""`podlog watch` at work: shows each look at a job, and tells how it stands by an exit status."""

import contextlib
import shutil
import sys
from collections.abc import Generator

from rich.console import Console, Group
from rich.live import Live

from ..coordinator.cli import Seen, snapshot_json
from ..proto import podlog_pb2 as pb
from ..proto.stdout import nobody_reads
from .outcome import exit_status
from .watchview import render

Looks = Generator[Seen, None, None]

STALLED = 3
"""Exit status of a run in which a process is stalled."""

LEFT = 130
"""Exit status where the user leaves the view."""

ONCE_LINES = 50
"""Processes in a table that does not go on changing."""

_WIDTH = 120
"""Of a table that does not go to a terminal."""


def status_of(snapshot: pb.Snapshot) -> int:
    """The exit status that tells a scheduler's probe how a job stands."""
    if snapshot.verdict.final or snapshot.settled:
        return exit_status(snapshot.verdict.status)
    stalled = any(member.state == "stalled" for member in snapshot.members)
    return STALLED if stalled else 0


def watch(looks: Looks, *, once: bool, as_json: bool) -> int:
    """Shows each look until there are no more, or the first one only.

    Args:
        looks: at the job.
        once: the first one only.
        as_json: a line of JSON for each; else a table that changes, or on what
            is no terminal the last table.

    Returns:
        The exit status.

    Raises:
        PodlogError: there is nothing to look at, or not any more.
    """
    status = 1
    show = _print_json if as_json else _print_table if once else _follow

    def told() -> Looks:
        nonlocal status
        for seen in looks:
            status = status_of(seen.snapshot)
            yield seen

    try:
        with contextlib.closing(looks), contextlib.closing(show(told())) as shown:
            for _ in shown:
                if once:
                    break
    except KeyboardInterrupt:
        return LEFT
    except BrokenPipeError:
        nobody_reads()
    return status


def _print_json(looks: Looks) -> Looks:
    for seen in looks:
        sys.stdout.write(snapshot_json(seen.snapshot) + "\n")
        sys.stdout.flush()
        yield seen


def _print_table(looks: Looks) -> Looks:
    for seen in looks:
        _print(seen)
        yield seen


def _print(seen: Seen) -> None:
    console = _console()
    console.print(render(seen.snapshot, width=console.width, most=ONCE_LINES, notes=seen.notes))


def _follow(looks: Looks) -> Looks:
    """One table that changes in place; where that cannot be, the last one."""
    console = _console()
    if not console.is_terminal:
        last = None
        for last in looks:
            yield last
        if last is not None:
            _print(last)
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for seen in looks:
            live.update(_fitted(seen, console), refresh=True)
            yield seen


def _fitted(seen: Seen, console: Console) -> Group:
    """The view with as many processes as the terminal has lines for."""
    width, height = console.width, console.height - 1
    many = len(seen.snapshot.members)
    most = min(many, height)
    while True:
        view = render(seen.snapshot, width=width, most=most, notes=seen.notes)
        over = len(console.render_lines(view)) - height
        if over <= 0 or most <= 1:
            return view
        most = max(1, most - over)


def _console() -> Console:
    """For stdout; without a terminal as wide as COLUMNS says, or `_WIDTH`."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=shutil.get_terminal_size((_WIDTH, 0)).columns)

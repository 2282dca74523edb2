"""The table of `podlog watch`: what it shows, and that it fits."""

import random
from typing import Any

import pytest
from rich.console import Console

from podlog.cluster.watchtable import span, worst
from podlog.cluster.watchview import ranges, render
from podlog.proto import podlog_pb2 as pb


def member(process: int, **more: Any) -> pb.MemberView:
    values = {
        "host": f"pod-host-{process}.example.org",
        "state": "running",
        "step": 1200,
        "mode": "train",
        "step_s": 0.243,
        "backlog": 3,
        "pending": 2,
        "skew_s": 0.0123,
        "heard_s": 0.4,
        "connected": True,
    }
    return pb.MemberView(process=process, **(values | more))


STALLED = "no call for 31 s, in phase 'data' never longer than 6.2 s: at train.py:88 in next_batch"
SNAPSHOT = pb.Snapshot(
    run_id="20260726-101112-abc123",
    log_path="/data/runs/first",
    job_id="a1b2c3d4e5f6",
    attempt=2,
    time=5000.0,
    started=1200.0,
    members=[
        member(0),
        member(1, state="stalled", step=1197, lag=3, phase="data", reason=STALLED, skew_s=-3600),
        member(2, state="stalled", reason="waiting for process 1"),
        member(3, nans=4, step_s=12.4, phase="checkpoint"),
        member(4, state="lost", reason="it was ended by SIGKILL", connected=False),
        pb.MemberView(process=5, state="joining"),
    ],
    tools=[
        pb.ToolView(name="files"),
        pb.ToolView(name="wandb", behind=400, problem="OSError: away", skipped=1),
    ],
    step_min=1197,
    step_max=1200,
    rows=1196,
    stop="proposed by process 3",
    findings=["process 1 is slow"],
    verdict=pb.Verdict(
        status="unfinished", root_cause="process 4: lost", waiting_for=[0, 1, 2, 3, 5]
    ),
)


def text(snapshot: pb.Snapshot, width: int, most: int = 50, notes: tuple[str, ...] = ()) -> str:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(render(snapshot, width=width, most=most, notes=notes))
    return capture.get()


def row(found: str, process: int) -> str:
    return next(line for line in found.splitlines() if line.startswith(f"{process} "))


def flat(found: str) -> str:
    return " ".join(found.split())


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_it_fits_its_terminal(width: int):
    """No line is wider, no process takes two."""
    lines = text(SNAPSHOT, width).splitlines()
    assert max(map(len, lines)) <= width
    heads = [at for at, line in enumerate(lines) if line.startswith("# ")]
    assert [line[:2] for line in lines[heads[0] + 2 : heads[0] + 8]] == [
        f"{process} " for process in range(6)
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_it_says_all_there_is(width: int):
    """Each column, then steps, tools, the stop, findings, reasons and how it stands."""
    found = text(SNAPSHOT, width)
    for process, words in {
        0: ["host-0", "running", "1200", "0", "243ms", "train", "5", "+12ms", "400ms ago"],
        1: ["stalled", "1197", "3", "data", "-3600s"],
        3: ["12.4s", "4"],
        5: ["joining", "-", "none yet"],
    }.items():
        assert all(word in row(found, process) for word in words), row(found, process)
    whole = flat(found)
    for words in (
        "run 20260726-101112-abc123, attempt 2, job a1b2c3d4, 1:03:20 /data/runs/first",
        "global step 1197 to 1200 (skew 3), 1196 rows; 6 processes: 1 joining, 2 running, "
        "2 stalled, 1 lost",
        "tools: files, wandb 400 behind, 1 skipped (OSError: away)",
        "stop: proposed by process 3",
        "process 1 is slow",
        f"process 1 stalled: {STALLED}",
        "so far: process 4: lost; not final, waiting for 0 to 3, 5",
    ):
        assert words in whole, whole


def test_the_verdict_stands_at_the_end():
    """Alone, in words that `output.log` has, too."""
    snapshot = pb.Snapshot(
        run_id="a",
        members=[member(0, state="goodbye", reason="goodbye")],
        verdict=pb.Verdict(status="nan", final=True, root_cause="process 0: nan"),
    )
    assert text(snapshot, 80, notes=("no news for 9 s",)).splitlines()[-2:] == [
        "no news for 9 s".ljust(0),
        "verdict: nan: process 0: nan",
    ]


def test_names_are_no_markup():
    """What stands in brackets is shown as it is."""
    snapshot = pb.Snapshot(
        run_id="[red]x[/red]", members=[member(0, host="[bold]", state="lost", reason="[/]")]
    )
    found = text(snapshot, 120)
    assert "run [red]x[/red]" in found
    assert "[bold]" in found
    assert "[/]" in found


def test_of_thousands_the_worst_are_shown():
    """Lost ones, then the culprit, those that wait for it, then who lags; the rest is counted."""
    dice = random.Random(1)
    members = [member(i, lag=dice.randint(0, 2)) for i in range(3000)]
    members += [
        member(3000, state="stalled", reason="waiting for process 3001"),
        member(3001, state="stalled", reason="no call for 20 s"),
        member(3002, state="lost", reason="gone"),
        member(3003, state="goodbye", status="failure", reason="an exception ended it"),
        member(3004, state="goodbye", status="success", reason="goodbye"),
        member(3005, lag=7),
    ]
    assert [m.process for m in worst(members, 6)[:5]] == [3002, 3003, 3001, 3000, 3005]
    found = text(pb.Snapshot(members=members), 80, most=4)
    assert "and 3002 more: 3001 running, 1 goodbye" in found
    assert len(found.splitlines()) < 20


def test_no_process_of_few_is_left_out():
    """In order of index."""
    members = [member(2), member(0, state="lost"), member(1)]
    assert worst(members, 3) == members


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0ms"),
        (0.0004, "0ms"),
        (0.0456, "46ms"),
        (0.9996, "1s"),
        (1.234, "1.23s"),
        (-12.34, "-12.3s"),
        (99.6, "100s"),
        (5999.0, "5999s"),
        (7200.0, "2.0h"),
        (1e6, "12d"),
    ],
)
def test_a_time_is_short(seconds: float, expected: str):
    """Three digits are enough."""
    assert span(seconds) == expected
    assert len(span(seconds)) <= 6


def test_indices_are_ranges():
    """As people write them."""
    assert ranges([]) == ""
    assert ranges([5, 1, 0, 2, 7, 8]) == "0 to 2, 5, 7, 8"

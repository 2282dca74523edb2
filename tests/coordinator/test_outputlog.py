"""``output.log``: its lines, how equal ones become one, and each exactly once."""

import json
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.coordinator.collapse import Collapse, ranks
from podlog.coordinator.outputlog import OutputLog
from podlog.coordinator.takenstore import StoredLine
from podlog.proto.records import LogLine


def make_line(number: int, process: int, message: str, time: float = 0.0) -> StoredLine:
    return StoredLine(number, process, time, 0, LogLine(20, "app", message, "host"))


class Log:
    """A running text log and what it reported."""

    def __init__(self, path: Path, **kwargs: Any) -> None:
        self.done: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self.log = OutputLog(path, lambda *d: self.done.put(d), **kwargs)
        self.log.start()

    def written(self, cursor: int) -> bytes:
        """Waits until the cursor is there; the position then."""
        while (found := self.done.get(timeout=10))[0] < cursor:
            pass
        assert found[0] == cursor
        return found[1]

    def last(self) -> tuple[int, bytes]:
        found = (-1, b"")
        while not self.done.empty():
            found = self.done.get()
        return found


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def bodies(path: Path) -> list[str]:
    """Lines without their time stamps."""
    return [line.split(" ", 2)[2] for line in path.read_text().splitlines()]


def test_the_format_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Local time with milliseconds, process, level, logger, message, in the words of logging."""
    path = tmp_path / "folder" / "output.log"
    log = Log(path, window=0.0)
    log.log.submit([make_line(1, 3, "two\nlines \ud800", 1795638600.1235)])
    assert log.log.close(10)
    text = path.read_text()
    assert text[4] == text[7] == "-"
    assert text[19:] == ",123 [R3] INFO app: two\nlines \\ud800\n"


def test_equal_lines_of_many_processes_become_one(tmp_path: Path) -> None:
    """They are written once, with who and how many."""
    log = Log(tmp_path / "log", window=3600.0)
    lines = [make_line(p + 1, p, "same") for p in (0, 1, 2, 3, 6)]
    log.log.submit([*lines, make_line(8, 1, "other")])
    assert log.log.close(10)
    assert log.last()[0] == 8
    assert bodies(tmp_path / "log") == ["[R0-3,6] INFO app: same (x5)", "[R1] INFO app: other"]


def test_lines_of_one_process_never_become_one(tmp_path: Path) -> None:
    """What a process said twice is there twice."""
    log = Log(tmp_path / "log", window=3600.0)
    log.log.submit([make_line(1, 0, "same"), make_line(2, 0, "same")])
    assert log.log.close(10)
    assert bodies(tmp_path / "log") == ["[R0] INFO app: same"] * 2


def test_lines_are_written_when_their_window_ends(tmp_path: Path) -> None:
    """Nobody has to ask for it."""
    log = Log(tmp_path / "log", window=0.05)
    log.log.submit([make_line(1, 0, "a")])
    assert log.done.get(timeout=10)[0] == 1
    assert bodies(tmp_path / "log") == ["[R0] INFO app: a"]
    assert log.log.idle
    assert log.log.close(10)
    assert not log.log.idle


def test_what_was_not_committed_is_cut_at_the_next_start(tmp_path: Path) -> None:
    """A crash between write and commit leaves each line once, and older content alone."""
    path = tmp_path / "log"
    path.write_text("of an older run\n")
    log = Log(path, window=0.0)
    log.log.submit([make_line(1, 0, "a")])
    position = log.written(1)
    log.log.submit([make_line(2, 0, "b")])
    assert log.log.close(10)

    again = Log(path, window=0.0, cursor=1, position=position)
    assert again.log.taken == 1
    again.log.submit([make_line(2, 0, "b")])
    assert again.log.close(10)
    assert path.read_text().startswith("of an older run\n")
    assert bodies(path)[1:] == ["[R0] INFO app: a", "[R0] INFO app: b"]


@pytest.mark.parametrize("window", [0.0, 3600.0])
def test_killed_at_any_byte_each_line_is_there_once(tmp_path: Path, window: float) -> None:
    """Whatever of the lines behind the committed position arrived is cut and written again."""
    path = tmp_path / "log"
    first = [make_line(1, 0, "first, of two\nlines"), make_line(2, 1, "grüße")]
    then = [make_line(3, 0, "a"), make_line(4, 1, "a"), make_line(5, 0, "b \n c")]
    log = Log(path, window=window)
    log.log.submit(first)
    assert log.log.close(10)
    cursor, position = log.last()
    before = path.read_bytes()

    def life() -> bytes:
        again = Log(path, window=window, cursor=cursor, position=position)
        again.log.submit(then)
        assert again.log.close(10)
        return path.read_bytes()

    whole = life()
    assert whole.startswith(before)
    for size in range(len(before), len(whole) + 1):
        path.write_bytes(whole[:size])
        assert life() == whole


def test_lines_written_before_their_turn_are_not_written_again(tmp_path: Path) -> None:
    """A line that joined an earlier one is remembered until the cursor passes it."""
    path = tmp_path / "log"
    position = json.dumps([0, [3]]).encode()
    log = Log(path, window=0.0, cursor=1, position=position)
    log.log.submit([make_line(2, 0, "two"), make_line(3, 1, "one"), make_line(4, 1, "four")])
    assert log.log.close(10)
    assert log.last()[0] == 4
    assert bodies(path) == ["[R0] INFO app: two", "[R1] INFO app: four"]


def test_a_file_that_cannot_be_written_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost while the folder is a file, and close keeps its deadline."""
    blocker = tmp_path / "blocker"
    blocker.write_text("")
    with caplog.at_level("WARNING"):
        log = Log(blocker / "log", window=0.0)
        log.log.submit([make_line(1, 0, "a")])
        wait_until(lambda: "cannot be written" in caplog.text)
    blocker.unlink()
    log.written(1)
    assert log.log.close(10)
    assert bodies(blocker / "log") == ["[R0] INFO app: a"]

    (tmp_path / "other").write_text("")
    stuck = Log(tmp_path / "other" / "log", window=0.0)
    stuck.log.submit([make_line(1, 0, "a")])
    assert stuck.log.close(10)
    assert stuck.done.empty()


def test_a_file_that_was_removed_is_begun_again(tmp_path: Path) -> None:
    """A committed size larger than the file does not fill it with zeros."""
    log = Log(tmp_path / "log", window=0.0, cursor=1, position=b"[1000, []]")
    log.log.submit([make_line(2, 0, "a")])
    assert log.log.close(10)
    assert bodies(tmp_path / "log") == ["[R0] INFO app: a"]


def test_close_without_start_and_twice(tmp_path: Path) -> None:
    """Close is always safe."""
    log = OutputLog(tmp_path / "log", lambda *d: None)
    assert log.close(1)
    assert log.close(1)


@pytest.mark.parametrize(
    ("processes", "text"),
    [([0], "0"), ([3, 0, 2, 1], "0-3"), ([7, 1, 2, 5], "1-2,5,7"), ([], "")],
)
def test_ranks(processes: Sequence[int], text: str) -> None:
    """Runs of process indices are written as ranges."""
    assert ranks(processes) == text


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.floats(0, 0.7)), max_size=30)
)
def test_collapsing_keeps_every_line_and_each_processs_order(
    said: list[tuple[int, str, float]],
) -> None:
    """Each line is in one group of equals of different processes that began within the window."""
    collapse = Collapse(1.0)
    now, groups, times = 0.0, [], {}
    for number, (process, message, wait) in enumerate(said):
        now += wait
        times[number] = now
        groups += collapse.due(now)
        collapse.add(make_line(number, process, message), now)
    groups += collapse.due(now, everything=True)
    assert collapse.next_due() is None

    lines = [line for group in groups for line in group.lines]
    assert sorted(line.id for line in lines) == list(range(len(said)))
    for process in range(4):
        own = [line.id for line in lines if line.process == process]
        assert own == sorted(own)
    firsts = [group.lines[0].id for group in groups]
    assert firsts == sorted(firsts)
    for group in groups:
        assert len({line.process for line in group.lines}) == len(group.lines)
        assert len({line.line for line in group.lines}) == 1
        assert all(times[line.id] - group.since < 1.0 for line in group.lines)

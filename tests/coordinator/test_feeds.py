"""All feeds of a run over a real journal: cursors, chapters, restarts, tools that hang."""

import contextlib
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit_feeds import Blocking, Positioned, Recorder, make_row

from podlog.coordinator.feeds import Feeds
from podlog.coordinator.journal import Cursor, Journal
from podlog.coordinator.runners import ThreadRunner
from podlog.proto.records import Event, LogLine, RunConfig
from podlog.proto.tool import LoggerTool


class Scene:
    """A journal, and feeds over it whose state thread is the test."""

    def __init__(self, path: Path | None = None) -> None:
        self.journal = Journal(path)
        self.calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.events: list[Event] = []
        self.start()

    def start(self, timeout_s: float = 60.0) -> None:
        """A coordinator's new life on the same journal."""
        self.feeds = Feeds(self.journal, self.calls.put, self.events.append, timeout_s)

    def add(self, name: str, tool: LoggerTool) -> None:
        with self.journal.transaction():
            self.feeds.add(name, ThreadRunner(tool))

    def rows(self, *steps: int) -> None:
        with self.journal.transaction():
            for step in steps:
                self.journal.add_row(make_row(step))

    def end(self, chapter: int, status: str = "success") -> None:
        with self.journal.transaction():
            self.feeds.end_chapter(status, chapter)
        self.feeds.pump(None)

    def turn(self) -> None:
        """The next thing that a feed says is committed, and what follows from it handed out."""
        with contextlib.suppress(queue.Empty):
            call = self.calls.get(timeout=0.05)
            with self.journal.transaction():
                call()
        self.feeds.pump(None)

    def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline
            self.turn()

    def close(self) -> None:
        self.feeds.close(10)


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.close()
    scene.journal.close()


def test_where_a_tool_begins_is_committed_before_its_first_row(scene: Scene) -> None:
    """So what a kill leaves behind is known to be this run's own."""
    tool = Positioned()
    tool.calls = ["of another run"]
    scene.rows(1)
    scene.add("t", tool)
    scene.feeds.pump(None)
    call = scene.calls.get(timeout=10)
    assert tool.calls == []
    assert scene.journal.cursor("t") == Cursor()
    with scene.journal.transaction():
        call()
    assert scene.journal.cursor("t") == Cursor(0, b"0", 0)
    scene.feeds.pump(None)
    scene.until(lambda: scene.journal.cursor("t") == Cursor(1, b"2", 0))


def test_each_chapter_is_told_once_also_over_a_restart(scene: Scene) -> None:
    """Only to tools that were not told; rows that came in between are given first."""
    first, second = Recorder(), Recorder()
    scene.rows(1)
    scene.add("a", first)
    scene.end(1)
    scene.until(lambda: scene.feeds.ended(1))
    scene.close()
    scene.start()
    scene.add("a", first)
    scene.add("b", second)
    scene.end(1)
    scene.until(lambda: scene.feeds.ended(1))
    assert (first.calls, second.calls) == (["setup", 1, "success"], ["setup", 1, "success"])
    scene.rows(2)
    scene.end(2, "nan")
    scene.until(lambda: scene.feeds.ended(2))
    assert first.calls[3:] == second.calls[3:] == ["setup", 2, "nan"]


def test_a_tool_past_the_newest_config_hears_it_at_the_start(scene: Scene) -> None:
    """One that is not gets it as its next item, once."""
    tool = Recorder()
    with scene.journal.transaction():
        scene.journal.add_config(RunConfig('{"a": 1}'))
    scene.rows(1)
    for _ in range(2):
        scene.add("t", tool)
        scene.until(lambda: scene.journal.cursor("t").id == 2 and scene.calls.empty())
        scene.close()
        scene.start()
    assert tool.calls[:3] == [("config", {"a": 1}), "setup", 1]
    assert tool.calls[3:] == [("config", {"a": 1})]


def test_a_turn_that_was_undone_takes_no_cursor_with_it(scene: Scene) -> None:
    """What was committed in it is committed again."""
    tool = Positioned()
    scene.add("t", tool)
    scene.until(lambda: scene.journal.cursor("t").position == b"0")
    scene.rows(1)
    scene.feeds.pump(None)
    call = scene.calls.get(timeout=10)
    with contextlib.suppress(ZeroDivisionError), scene.journal.transaction():
        call()
        raise ZeroDivisionError
    assert scene.journal.cursor("t").id == 0
    with scene.journal.transaction():
        scene.feeds.recall()
    assert scene.journal.cursor("t") == Cursor(1, b"2", 0)


def test_a_tool_that_hangs_is_left_and_holds_no_other(scene: Scene) -> None:
    """Others are told the end at once; it is named, waited for once, and again when it moves."""
    stuck, well = Blocking(), Recorder()
    scene.start(timeout_s=0.3)
    scene.add("stuck", stuck)
    scene.add("well", well)
    scene.rows(1)
    scene.end(1)
    scene.until(lambda: scene.journal.cursor("well").told == 1 and bool(scene.events))
    assert well.calls == ["setup", 1, "success"]
    assert not scene.feeds.ended(1)
    assert scene.feeds.leave(1) == ["stuck"]
    scene.end(2)
    scene.until(lambda: scene.feeds.ended(2))
    assert well.calls[3:] == ["success"]
    (event,) = scene.events
    assert event.text.startswith("tool stuck has not returned for ")
    stuck.let_go.set()
    scene.until(lambda: scene.journal.cursor("stuck").told == 2)
    assert stuck.calls == ["setup", "success"]


def test_a_tool_that_cannot_be_started_is_not_waited_for(scene: Scene) -> None:
    """Its cursor stays where it is: it catches up at another start."""

    class Bad(Recorder):
        def rewind_to(self, position: bytes) -> None:
            raise ValueError("what position?")

    scene.add("bad", Bad())
    scene.rows(1)
    scene.end(1)
    scene.until(lambda: bool(scene.events))
    assert scene.feeds.ended(1)
    assert scene.feeds.leave(1) == ["bad"]
    scene.close()
    tool = Recorder()
    scene.start()
    scene.add("bad", tool)
    scene.until(lambda: tool.calls == ["setup", 1])


def test_output_log_begins_where_it_was_found(scene: Scene, tmp_path: Path) -> None:
    """That is committed before its first line: a kill before the first cursor doubles nothing."""
    path = tmp_path / "output.log"
    path.write_text("older\n")
    with scene.journal.transaction():
        scene.feeds.open_log(path, window=0.0)
    assert scene.journal.cursor("output").position == b"[6, []]"
    scene.close()
    path.write_text("older\nhalf a li")
    scene.start()
    with scene.journal.transaction():
        scene.feeds.open_log(path, window=0.0)
        scene.journal.add_line(0, 0.0, 0, LogLine(20, "app", "a line", "h"))
    scene.feeds.pump_lines()
    scene.until(scene.feeds.lines_written)
    old, new = path.read_text().splitlines()
    assert old == "older"
    assert new.endswith("[R0] INFO app: a line")

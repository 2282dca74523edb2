"""Final verdicts: an event, the last line of ``output.log``, and never two for a chapter."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit_coordinator import Lone, events, last_line
from kit_peers import Make, Voice, job, memory
from kit_server import Net

from podlog.coordinator.chapters import Chapters
from podlog.coordinator.journal import Journal
from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import body_draft
from podlog.proto.config import LoggerConfig
from podlog.proto.control import Ended, Opened, ProcessExit
from podlog.proto.records import Event, LogLine, Verdict


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Callable[..., Lone]]:
    made: list[Lone] = []

    def make(processes: int = 2, **more: object) -> Lone:
        made.append(Lone(tmp_path, processes, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def verdicts(folder: Path) -> list[str]:
    return [e.event.text for e in events(folder, "verdict")]


def test_alone_each_chapter_ends_with_its_line(make: Make, tmp_path: Path) -> None:
    """The line is there when ``finalize`` returns; tools have the event before the end."""
    endpoint = make(LoggerConfig(log_path=tmp_path), [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    for chapter, status in enumerate(("success", "nan"), 1):
        voice.log(chapter)
        voice.acked()
        voice.finalize(status)
        voice.ear.wait("verdict", lambda v, n=chapter: v.final and v.chapter == n)
        assert f"podlog: verdict: {status}" in last_line(tmp_path)
    told = memory(endpoint).events
    assert [e.event.name for e in told] == ["verdict", "verdict"]
    assert memory(endpoint).statuses == ["success", "nan"]
    voice.goodbye()


def test_in_a_pod_the_line_is_the_last(net: Callable[..., Net], tmp_path: Path) -> None:
    """Behind what processes log between ``finalize`` and their goodbye."""
    here, voices = _succeeded(net, tmp_path)
    for voice in voices:
        voice.drafts([body_draft(LogLine(20, "app", f"bye from {voice.hello.process}"), 1.0)])
        voice.acked()
    assert verdicts(tmp_path) == ["verdict: success"]
    for voice in voices:
        voice.goodbye()
    assert here.endpoint.wait_settled(10)
    assert last_line(tmp_path) == "INFO podlog: verdict: success"
    assert (tmp_path / "output.log").read_text().count("verdict:") == 1
    assert verdicts(tmp_path) == ["verdict: success"]


def test_in_a_pod_the_next_chapter_comes_behind_the_line_of_the_last(
    net: Callable[..., Net], tmp_path: Path
) -> None:
    """Two chapters, two events, two lines."""
    here = net(2)
    voices = here.voices(2)
    here.open(voices[0], tmp_path)
    for chapter, status in ((1, "nan"), (2, "success")):
        for voice in voices:
            voice.log(chapter)
            voice.acked()
        for voice in voices:
            voice.finalize(status)
        for voice in voices:
            voice.ear.wait("verdict", lambda v, n=chapter: v.final and v.chapter == n)
    for voice in voices:
        voice.goodbye()
    assert here.endpoint.wait_settled(10)
    lines = (tmp_path / "output.log").read_text().splitlines()
    found = [line.partition("podlog: ")[2] for line in lines if "verdict:" in line]
    assert found == verdicts(tmp_path)
    assert found[0].startswith("verdict: nan: process 0 on host0: nan")
    assert found[1] == "verdict: success"


def test_what_fails_after_a_success_opens_a_chapter_that_failed(
    net: Callable[..., Net], tmp_path: Path
) -> None:
    """The first verdict stands, and the job does not end in success."""
    here, voices = _succeeded(net, tmp_path)
    for _ in range(2):
        voices[1].send(failed=pb.Failed(status="failure", error="ValueError: export", step=9))
    for voice in voices:
        voice.ear.wait("verdict", lambda v: v.final and (v.chapter, v.status) == (2, "failure"))
    voices[1].goodbye("failure")
    voices[0].goodbye()
    assert here.endpoint.wait_settled(10)
    cause = "failure: process 1 on host1: failure (ValueError: export)"
    assert verdicts(tmp_path) == ["verdict: success", f"verdict: {cause}"]
    assert last_line(tmp_path) == f"WARNING podlog: verdict: {cause}"


def test_a_status_of_many_lines_is_one(net: Callable[..., Net], tmp_path: Path) -> None:
    """Nobody forges a line of ``output.log``."""
    here = net(1)
    (voice,) = here.voices(1)
    here.open(voice, tmp_path)
    voice.finalize("odd\nverdict: success")
    assert voice.verdict().status == "odd verdict: success"
    voice.goodbye()
    assert here.endpoint.wait_settled(10)
    assert last_line(tmp_path).startswith("WARNING podlog: verdict: odd verdict: success")


def test_a_job_whose_coordinator_was_killed_is_lost_at_the_next_start(
    lone: Callable[..., Lone], tmp_path: Path
) -> None:
    """Before the first row of the new job; once, and the chapters go on counting."""
    old = lone(1)
    (voice,) = old.voices()
    old.open(voice)
    voice.log(1)
    voice.acked()
    old.kill()

    new = lone(1, job_id="job-2", started=2000.0)
    voice = Voice(incarnation=2000).connect(new.connector())
    new.open(voice)
    voice.log(2)
    voice.acked()
    voice.goodbye("success")
    assert voice.ear.wait_end() is None
    assert new.settle() == Ended("success", "", 1)
    run = new.folder
    lost, success = events(run, "verdict")
    assert lost.event.text == "verdict: lost: its coordinator ended without a verdict"
    assert (lost.attempt, success.attempt, success.event.text) == (1, 2, "verdict: success")
    journal = Journal(run / "journal.sqlite", read_only=True)
    first = next(item for item in journal.rows_after(lost.id))
    assert first.id < success.id
    verdict = journal.verdict()
    assert verdict is not None
    assert (verdict.chapter, journal.verdict_job()) == (2, "job-2")
    journal.close()
    text = (run / "output.log").read_text()
    assert text.index(lost.event.text) < text.index(success.event.text)

    third = lone(1, job_id="job-3", started=3000.0)
    voice = Voice(incarnation=3000).connect(third.connector())
    third.open(voice)
    voice.goodbye("success")
    third.heard(Ended)
    assert verdicts(run)[2:] == ["verdict: success"]


def test_process_0_never_came(lone: Callable[..., Lone]) -> None:
    """The launcher's folder gets the run, its members and the verdict."""
    here = lone(3, log_path="?", launched=True)
    here.close()
    shutil.rmtree(here.folder, ignore_errors=True)
    here = lone(3, log_path=str(here.folder), run_id="mine", launched=True)
    other = Voice(2, 3).connect(here.connector())
    other.close()
    for process in (1, 2):
        here.tell(ProcessExit(process, 10 + process, signal=6))
    here.tell(ProcessExit(0, 10, signal=15, caused=False))
    ended = here.settle()
    opened = here.heard(Opened)
    assert (opened.run_id, opened.log_path) == ("mine", str(here.folder))
    assert ended.status == "lost"
    assert "process 0: lost (it never arrived" in ended.root_cause
    assert verdicts(here.folder) == [f"verdict: lost: {ended.root_cause}"]
    assert last_line(here.folder) == f"WARNING podlog: verdict: lost: {ended.root_cause}"
    journal = Journal(here.folder / "journal.sqlite", read_only=True)
    assert set(journal.members(job().job_id)) == {0, 1, 2}
    journal.close()


def test_without_a_folder_nothing_is_opened(lone: Callable[..., Lone]) -> None:
    """Process 0 never came, and nobody knows where the run would be."""
    here = lone(2, launched=True)
    assert here.settle() == Ended("unfinished", "")
    assert not here.folder.exists()


class Told:
    """Takes what chapters have to tell; there are no attempts."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.lines: list[str] = []

    def event(self, event: Event, *, attempt: int, line: bool) -> None:
        self.events.append(event.text)

    def line(self, text: str, *, level: int) -> None:
        self.lines.append(text)

    def of(self, job_id: str) -> set[int]:
        return set()


def test_what_was_told_of_an_older_job_stands() -> None:
    """Its coordinator died between the event of its verdict and the end of its tools."""
    journal, told = Journal(None), Told()
    older = Chapters(journal, told, told, "job-1")
    older.begin()
    older.announce(Verdict("success", True, (), "", 1))
    newer = Chapters(journal, told, told, "job-2")
    newer.begin()
    assert told.events == ["verdict: success"]
    assert told.lines == ["verdict: success"]
    assert (journal.verdict(), journal.verdict_job()) == (
        Verdict("success", True, (), "", 1),
        "job-1",
    )
    assert (newer.number, newer.given) == (2, None)
    journal.close()


def _succeeded(net: Callable[..., Net], folder: Path) -> tuple[Net, list[Voice]]:
    """A job of two that have logged, finalized, and heard of a success."""
    here = net(2)
    voices = here.voices(2)
    here.open(voices[0], folder)
    for voice in voices:
        voice.log(1)
        voice.finalize()
    for voice in voices:
        assert voice.verdict().status == "success"
    return here, voices

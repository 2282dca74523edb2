"""A coordinator that is killed, and one that goes on from its journal."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_peers import Ear, Voice, job

from podlog.coordinator.coordinator import Coordinator
from podlog.coordinator.hooks import Hooks
from podlog.coordinator.journal import Journal
from podlog.coordinator.local import LocalSession
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.control import Ended, ProcessExit, Setup
from podlog.proto.errors import UnavailableError
from podlog.proto.rows import Row
from podlog.worker.identity import opening


class Life:
    """One life of a coordinator of a pod, which opens the run at once."""

    def __init__(self, folder: Path, setup: Setup, timing: TimingConfig) -> None:
        config = LoggerConfig(log_path=folder, timing=timing)
        self.opened: list[tuple[int, bytes]] = []
        self.ended: list[Ended] = []
        hooks = Hooks(
            opened=lambda _, attempt, asked: self.opened.append((attempt, asked)),
            ended=self.ended.append,
        )
        asked = opening(config, [], False).SerializeToString()
        self.coordinator = Coordinator(dataclasses.replace(setup, open=asked), hooks=hooks)
        self.sessions: list[LocalSession] = []
        self.coordinator.start()

    def connect(self, ear: Ear) -> LocalSession:
        self.sessions.append(LocalSession(self.coordinator, ear))
        return self.sessions[-1]

    def die(self) -> None:
        """As by SIGKILL: nothing is told, nothing is settled; the lock is free."""
        coordinator = self.coordinator
        run = coordinator._desk.run
        assert run is not None
        run.advance = lambda now: None  # type: ignore[method-assign]
        coordinator._stop.set()
        coordinator.post(lambda: None)
        coordinator._thread.join(20)
        self.close()

    def close(self) -> None:
        self.coordinator.close(0.1)
        for session in self.sessions:
            session.close()
            session.join(5)


class Lives:
    """Coordinators one after another on one folder."""

    def __init__(self, folder: Path, processes: int) -> None:
        self.folder = folder
        self.setup = job(processes)
        self.timing = TimingConfig(row_timeout_s=5, lost_after_s=5, takeover_s=3)
        self.all: list[Life] = []

    def start(self, setup: Setup | None = None) -> Life:
        self.all.append(Life(self.folder, setup or self.setup, self.timing))
        return self.all[-1]

    def rows(self) -> list[Row]:
        journal = Journal(self.folder / "journal.sqlite", read_only=True)
        found = [item for item in journal.rows_after(0, 10_000) if isinstance(item, Row)]
        journal.close()
        return found


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    made = Lives(tmp_path / "run", 2)
    yield made
    for life in made.all:
        life.close()
    shutil.rmtree(made.folder, ignore_errors=True)


def both(life: Life) -> list[Voice]:
    return [Voice(p, 2).connect(life.connect) for p in range(2)]


def test_streams_go_on_in_the_middle(lives: Lives) -> None:
    """Acks are remembered, resent records dropped, rows go on, no row twice."""
    first = lives.start()
    voices = both(first)
    for voice in voices:
        for step in (1, 2):
            voice.log(step)
        voice.acked()
    first.die()

    second = lives.start()
    for voice in voices:
        voice.connect(second.connect)
        assert voice.ear.all("welcome")[0].ack in (0, 2)
        voice.ear.wait("ack", lambda ack: ack.seq == 2)
        voice.seq = 1
        for step in (2, 3):
            voice.log(step)
        voice.acked(3)
        voice.goodbye("success")
    assert second.coordinator.wait_settled(20)
    found = [(r.key.attempt, r.key.step, r.revision, r.processes) for r in lives.rows()]
    assert found == [(1, step, 0, (0, 1)) for step in (1, 2, 3)]
    assert second.opened[0][0] == 1
    assert pb.Open.FromString(second.opened[0][1]).log_path == str(lives.folder)
    assert second.ended == [Ended("success", "", 3)]


def test_a_goodbye_before_the_crash_is_not_waited_for_again(lives: Lives) -> None:
    """One that said goodbye is gone; the other's goodbye settles the run."""
    first = lives.start()
    voices = both(first)
    for voice in voices:
        voice.log(1)
        voice.acked()
    voices[1].goodbye("success")
    assert voices[1].ear.wait_end() is None
    first.die()

    second = lives.start()
    voices[0].connect(second.connect)
    voices[0].log(2)
    voices[0].acked()
    voices[0].goodbye("success")
    assert second.coordinator.wait_settled(20)
    assert second.ended[0].status == "success"
    assert [(r.key.step, r.processes) for r in lives.rows()] == [(1, (0, 1)), (2, (0,))]


def test_a_verdict_is_given_again_and_never_changed(lives: Lives) -> None:
    """The same chapter, the same words; what is logged after it opens the next one."""
    first = lives.start()
    voices = both(first)
    for voice in voices:
        voice.log(1)
        voice.finalize("nan" if voice is voices[1] else "success")
    told = voices[0].verdict()
    assert (told.status, told.chapter) == ("nan", 1)
    first.die()

    second = lives.start()
    voices[0].connect(second.connect)
    voices[0].finalize("failure")
    again = voices[0].verdict()
    assert (again.status, again.chapter, again.root_cause) == ("nan", 1, told.root_cause)
    voices[1].connect(second.connect)
    for voice in voices:
        voice.log(2)
        voice.acked()
        voice.finalize("success")
    assert voices[0].ear.wait("verdict", lambda v: v.final and v.chapter == 2).status == "success"
    second.die()

    third = lives.start()
    for voice in voices:
        voice.connect(third.connect)
        voice.goodbye()
    assert third.coordinator.wait_settled(20)
    assert third.ended[0].status == "success"
    journal = Journal(lives.folder / "journal.sqlite", read_only=True)
    verdict = journal.verdict()
    assert verdict is not None
    assert (verdict.chapter, verdict.status) == (2, "success")
    journal.close()


def test_all_had_ended_when_it_was_killed(lives: Lives) -> None:
    """Nobody comes again: the restarted one settles by what it recalls."""
    first = lives.start()
    voices = both(first)
    for voice in voices:
        voice.log(1)
        voice.acked()
    voices[0].goodbye("success")
    voices[0].ear.wait_end()
    first.die()
    second = lives.start()
    assert second.coordinator.wait_settled(30)
    assert second.ended[0].status == "lost"
    assert "process 1" in second.ended[0].root_cause


def test_exits_that_come_before_the_run_is_open_are_kept(lives: Lives) -> None:
    """A launcher tells a restarted coordinator again what it knows, before anything else."""
    first = lives.start()
    voice = Voice(0, 2).connect(first.connect)
    voice.log(1)
    voice.acked()
    first.die()
    second = lives.start(job(2, launched=True))
    second.coordinator.process_exit(ProcessExit(1, 5, code=3))
    voice.connect(second.connect)
    voice.finalize("success")
    assert voice.verdict().status == "failure"
    voice.goodbye()
    assert second.coordinator.wait_settled(20)


def test_a_successor_is_let_in_when_nobody_speaks_any_more(lives: Lives) -> None:
    """The older one ends, unfinished; the run is opened by the next job at once after it."""
    first = lives.start()
    voice = Voice(0, 2).connect(first.connect)
    voice.log(1)
    voice.acked()
    second = lives.start(job(2, job_id="job-2", started=2000.0))
    heard = Voice(0, 2, 77).connect(second.connect)
    heard.send(heartbeat=pb.Heartbeat(sent=5.0))
    heard.ear.wait("heartbeat_reply")
    assert not heard.ear.all("opened")
    voice.close()
    assert heard.ear.wait("opened", timeout=15).attempt == 2
    assert first.coordinator.wait_settled(10)
    assert first.ended[0].status == "unfinished"
    late = Ear()
    first.connect(late).send(pb.WorkerMessage(hello=voice.hello))
    assert isinstance(late.wait_end(), UnavailableError)


def test_a_successor_is_refused_while_a_process_speaks(lives: Lives) -> None:
    """After `takeover_s` by name; the older one goes on."""
    first = lives.start()
    voice = Voice(0, 2).connect(first.connect)
    voice.log(1)
    voice.acked()
    second = lives.start(job(2, job_id="job-2", started=2000.0))
    heard = Voice(0, 2, 77).connect(second.connect)
    error = heard.ear.wait_end(15)
    assert "job job-1" in str(error)
    voice.log(2)
    voice.acked()


def test_one_that_never_arrives_does_not_hold_up_those_that_are_done(lives: Lives) -> None:
    """It is lost `lost_after_s` after the others were done, long before their finalize ends."""
    lives.timing = TimingConfig(lost_after_s=0.5, finalize_timeout_s=60)
    life = lives.start()
    voice = Voice(0, 2).connect(life.connect)
    voice.log(1)
    voice.acked()
    voice.finalize("success")
    told = voice.verdict(10)
    assert told.status == "lost"
    assert "process 1" in told.root_cause


def test_it_outlives_the_logger_that_started_it(lives: Lives) -> None:
    """Its parent gone, a run goes on until it has settled; what nobody asked for ends at once."""
    life = lives.start()
    voices = both(life)
    life.coordinator.parent_gone()
    for voice in voices:
        voice.log(1)
        voice.acked()
        voice.goodbye("success")
    assert life.coordinator.wait_settled(20)
    assert life.ended[0].status == "success"

    unasked = Coordinator(job(2))
    unasked.start()
    unasked.parent_gone()
    assert unasked.wait_settled(10)

"""Workers whose wall clocks are off, or jump: skews are told, times put right, order kept."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kit_coordinator import events, wait_events
from kit_peers import Voice
from kit_server import Net

from podlog.coordinator.journal import Journal
from podlog.coordinator.skews import Skews
from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import body_draft
from podlog.proto.records import Event, LogLine


class Clock:
    """A worker's wall clock, and how it measures the coordinator's, as in NTP."""

    def __init__(self, voice: Voice, ahead: float) -> None:
        self.ahead = ahead
        self._voice = voice
        self._best: tuple[float, float] | None = None  # round trip and offset

    def now(self) -> float:
        return time.time() + self.ahead

    def beat(self) -> None:
        """One heartbeat with what is known by now; learns from the answer."""
        sent = self.now()
        trip, offset = self._best or (0.0, 0.0)
        beat = pb.Heartbeat(sent=sent, offset_s=offset, round_trip_s=trip, quiet=True)
        self._voice.send(heartbeat=beat)
        reply = self._voice.ear.wait("heartbeat_reply", lambda r: r.sent == sent)
        back = self.now()
        offset = ((reply.received - sent) + (reply.replied - back)) / 2
        found = (back - sent) - (reply.replied - reply.received), offset
        self._best = found if self._best is None else min(self._best, found)

    def jump(self, ahead: float) -> None:
        """What was measured before says nothing any more."""
        self.ahead, self._best = ahead, None

    def say(self, name: str) -> None:
        """An event of this process's own."""
        self._voice.drafts([body_draft(Event(name, name), self.now())])
        self._voice.acked()


@pytest.mark.parametrize("ahead", [300.0, -3600.0])
def test_a_clock_that_is_off(net: Callable[..., Net], tmp_path: Path, ahead: float) -> None:
    """Told once, to 20 ms; what it says lies between what was before and after it."""
    here = net(2)
    voices = here.voices(2)
    right, wrong = (Clock(voice, by) for voice, by in zip(voices, (0.0, ahead), strict=True))
    for _ in range(5):
        wrong.beat()
    voices[1].drafts([body_draft(Event("early", "before the run is open"), wrong.now())])
    here.open(voices[0], tmp_path)
    voices[1].ear.wait("opened")
    began = time.time()
    for number in range(3):
        for clock in (right, wrong):
            clock.beat()
            clock.say(f"turn{number}")
    told = wait_events(tmp_path, "clock")
    assert [e.process for e in told] == [1]
    assert abs(float(told[0].event.fields["skew_s"]) - ahead) < 0.02
    order = [e for e in events(tmp_path) if e.event.name.startswith("turn")]
    assert [(e.process, e.event.name) for e in order] == [
        (p, f"turn{n}") for n in range(3) for p in range(2)
    ]
    times = [e.time for e in order]
    assert all(later - earlier > -0.02 for earlier, later in itertools.pairwise(times))
    assert began - 0.02 < times[0] <= times[-1] < time.time()
    (early,) = events(tmp_path, "early")
    assert abs(early.time - began) < 5
    for voice in voices:
        voice.goodbye("success")
    assert here.endpoint.wait_settled(10)


def test_a_clock_that_jumps(net: Callable[..., Net], tmp_path: Path) -> None:
    """Told again; nothing it said before or after is out of order, or in the future."""
    here = net(1)
    (voice,) = here.voices(1)
    here.open(voice, tmp_path)
    clock = Clock(voice, 0.0)
    for ahead in (0.0, 3600.0, -40.0):
        clock.jump(ahead)
        clock.say(f"at{ahead:.0f}")  # before the next heartbeat can tell
        for _ in range(5):
            clock.beat()
        clock.say(f"at{ahead:.0f}")
    told = wait_events(tmp_path, "clock", 2)
    skews = [float(e.event.fields["skew_s"]) for e in told]
    assert [round(skew, 1) for skew in skews] == [3600.0, -40.0]
    assert "jumped by +3" in told[0].event.text
    said = [e.time for e in events(tmp_path) if e.event.name.startswith("at")]
    assert said == sorted(said)
    assert all(abs(at - time.time()) < 10 for at in said)
    voice.goodbye("success")
    assert here.endpoint.wait_settled(10)


def test_what_was_measured_outlives_its_writer(tmp_path: Path) -> None:
    """A line found later in the spool of a process that is gone is put right, too."""
    journal = Journal(tmp_path / "journal.sqlite")
    told: list[Event] = []
    first = Skews(journal, lambda event, _: told.append(event))
    voice = Voice(incarnation=7)
    stream = type("S", (), {"hello": voice.hello, "met": True, "name": "process 0"})()
    first.heard(stream, pb.Heartbeat(sent=1.0, offset_s=-300.0, round_trip_s=0.01), 2.0)
    again = Skews(journal, lambda event, _: told.append(event))
    assert again.right(7, 1300.0, now=5000.0) == 1000.0
    assert again.right(7, 1200.0, now=5000.0) == 1000.0
    assert again.right(7, 9000.0, now=5000.0) == 5000.0
    assert again.right(8, 1200.0, now=5000.0) == 1200.0
    again.heard(stream, pb.Heartbeat(sent=1.0, offset_s=-300.2, round_trip_s=0.01), 2.0)
    assert len(told) == 1
    journal.close()


def test_lines_are_put_right(net: Callable[..., Net], tmp_path: Path) -> None:
    """``output.log`` shows the coordinator's time."""
    here = net(1)
    (voice,) = here.voices(1)
    here.open(voice, tmp_path)
    clock = Clock(voice, -86400.0)
    for _ in range(2):
        clock.beat()
    voice.drafts([body_draft(LogLine(20, "app", "hello from yesterday"), clock.now())])
    voice.acked()
    voice.goodbye("success")
    assert here.endpoint.wait_settled(10)
    lines = (tmp_path / "output.log").read_text().splitlines()
    (line,) = [line for line in lines if "hello from yesterday" in line]
    at = time.mktime(time.strptime(line[:19], "%Y-%m-%d %H:%M:%S"))
    assert abs(at - time.time()) < 60
